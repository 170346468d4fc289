using System.Net;
using System.Net.Sockets;
using Chassis.Testing;

namespace Messaging.Tests;

/// <summary>Two services of one cluster under one port: the second ends, and the first answers for both.</summary>
public sealed class PortsTests
{
    [Fact]
    public void No_port_is_given_away_twice()
    {
        // Six hundred of twenty thousand: without a reservation, nine of them would be the same as another.
        var given = Enumerable.Range(0, 600).AsParallel().Select(_ => Ports.Free()).ToList();

        given.ShouldBeUnique();
    }

    [Fact]
    public void No_other_program_is_given_it_either()
    {
        var port = Ports.Free();

        // What another program would ask the system for.
        using var other = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        Should.Throw<SocketException>(() => other.Bind(new IPEndPoint(IPAddress.Loopback, port))).SocketErrorCode.ShouldBe(SocketError.AddressAlreadyInUse);
    }
}
