using System.Net;
using System.Net.Sockets;
using System.Text;
using Chassis.Testing;

namespace Messaging.Tests;

/// <summary>The proxy that crash tests rest on sees what it waits for, however TCP cuts it.</summary>
public sealed class TcpProxyTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("INSERT key-1", " and more;", "COMMIT")]
    [InlineData("INSERT ke", "y-1; COM", "MIT")]
    [InlineData("INSERT key-1; C", "OMMI", "T")]
    public async Task Markers_that_come_in_pieces_silence_the_server(params string[] pieces)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        await using var proxy = new TcpProxy("127.0.0.1", ((IPEndPoint)listener.LocalEndpoint).Port);
        proxy.SilenceServerAfter("key-1"u8.ToArray(), "COMMIT"u8.ToArray());
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, proxy.Port, Token);
        using var server = await listener.AcceptTcpClientAsync(Token);
        foreach (var piece in pieces)
        {
            proxy.IsSilenced.ShouldBeFalse(piece);
            var bytes = Encoding.ASCII.GetBytes(piece);
            await client.GetStream().WriteAsync(bytes, Token);
            await server.GetStream().ReadExactlyAsync(new byte[bytes.Length], Token);   // it has gone by
        }

        proxy.IsSilenced.ShouldBeTrue();
    }
}
