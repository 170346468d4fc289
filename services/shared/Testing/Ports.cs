using System.Net;
using System.Net.Sockets;

namespace Chassis.Testing;

/// <summary>Ports for what listens under an address that somebody has to know beforehand, or that must stay the same over a restart.</summary>
public static class Ports
{
    /// <summary>
    /// One that nobody listens on, below the range from which the system takes ports for outgoing connections: one of those could take it before, or between, its uses.
    /// </summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(12_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // Taken; the next one.
            }
        }
    }
}
