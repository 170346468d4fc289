using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Chassis.Testing;

/// <summary>A wire between a service and its broker or database that can be cut, closed, or silenced in one direction.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, bool> clients = [];
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;
    private volatile byte[][] markers = [];
    private volatile bool silent;

    public TcpProxy(string host, int port)
    {
        listener.Start();
        accepting = AcceptAsync(host, port);
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>Whether connections are let through at all.</summary>
    public bool Open { get; set; } = true;

    /// <summary>Whether the markers have gone by.</summary>
    public bool Silenced => silent;

    /// <summary>From the moment when a client has sent these bytes, on one connection and in this order, nothing of what the server says comes through any more.</summary>
    public void SilenceServerAfter(params byte[][] inThisOrder) => markers = inThisOrder;

    /// <summary>Breaks what is connected now.</summary>
    public void Cut()
    {
        foreach (var client in clients.Keys)
        {
            client.Dispose();
            clients.TryRemove(client, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        Cut();
        await accepting;
        stop.Dispose();
    }

    private async Task AcceptAsync(string host, int port)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(stop.Token);
                if (!Open)
                {
                    client.Dispose();
                    continue;
                }

                var server = new TcpClient { NoDelay = true };
                await server.ConnectAsync(host, port, stop.Token);
                client.NoDelay = true;
                clients[client] = clients[server] = true;
                _ = PumpAsync(client, server, fromClient: true);
                _ = PumpAsync(server, client, fromClient: false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    /// <returns>Whether the last one has gone by.</returns>
    private static bool Look(ReadOnlySpan<byte> bytes, byte[][] markers, ref int seen)
    {
        while (seen < markers.Length && bytes.IndexOf(markers[seen]) is >= 0 and var at)
        {
            bytes = bytes[(at + markers[seen].Length)..];
            seen++;
        }

        return seen == markers.Length;
    }

    private async Task PumpAsync(TcpClient from, TcpClient to, bool fromClient)
    {
        var buffer = new byte[64 * 1024];
        var seen = 0;
        try
        {
            while (await from.GetStream().ReadAsync(buffer, stop.Token) is > 0 and var count)
            {
                if (fromClient && markers is { Length: > 0 } all && seen < all.Length && Look(buffer.AsSpan(0, count), all, ref seen))
                {
                    silent = true;
                }

                if (fromClient || !silent)
                {
                    await to.GetStream().WriteAsync(buffer.AsMemory(0, count), stop.Token);
                }
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // Cut.
        }
        finally
        {
            from.Dispose();
            to.Dispose();
        }
    }
}
