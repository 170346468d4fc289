using System.Net;
using System.Net.Sockets;

namespace Chassis.Testing;

/// <summary>Ports for what listens under an address that somebody has to know beforehand, or that must stay the same over a restart.</summary>
public static class Ports
{
    // Whoever got a port listens on it later, and not all the time. The UDP port of the same number, which nobody here needs, says until this process ends
    // that it is given away: to every thread, and to the other programs of tests that look for ports meanwhile.
    private static readonly List<Socket> Reservations = [];

    /// <summary>
    /// One that nobody listens on and nobody else was given, below the range from which the system takes ports for outgoing connections: one of those could
    /// take it before, or between, its uses.
    /// </summary>
    public static int Free()
    {
        while (true)
        {
            var port = Random.Shared.Next(12_000, 32_000);
            var reservation = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            try
            {
                reservation.Bind(new IPEndPoint(IPAddress.Loopback, port));
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
            }
            catch (SocketException)
            {
                // Taken; the next one.
                reservation.Dispose();
                continue;
            }

            lock (Reservations)
            {
                Reservations.Add(reservation);
            }

            return port;
        }
    }
}
