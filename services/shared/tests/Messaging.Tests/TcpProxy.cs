using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Messaging.Tests;

/// <summary>A wire between a service and its broker that can be cut, closed, or silenced in one direction.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, bool> _clients = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;
    private volatile byte[]? _marker;
    private volatile bool _silent;

    public TcpProxy(string host, int port)
    {
        _listener.Start();
        _accepting = AcceptAsync(host, port);
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Whether connections are let through at all.</summary>
    public bool Open { get; set; } = true;

    /// <summary>Whether the marker has gone by.</summary>
    public bool Silenced => _silent;

    /// <summary>From the moment when the client sends these bytes, nothing of what the server says comes through any more.</summary>
    public void SilenceServerAfter(byte[] marker) => _marker = marker;

    /// <summary>Breaks what is connected now.</summary>
    public void Cut()
    {
        foreach (var client in _clients.Keys)
        {
            client.Dispose();
            _clients.TryRemove(client, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync(string host, int port)
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                if (!Open)
                {
                    client.Dispose();
                    continue;
                }

                var server = new TcpClient { NoDelay = true };
                await server.ConnectAsync(host, port, _stop.Token);
                client.NoDelay = true;
                _clients[client] = _clients[server] = true;
                _ = PumpAsync(client, server, fromClient: true);
                _ = PumpAsync(server, client, fromClient: false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to, bool fromClient)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, _stop.Token) is > 0 and var count)
            {
                if (fromClient && _marker is { } marker && buffer.AsSpan(0, count).IndexOf(marker) >= 0)
                {
                    _silent = true;
                }

                if (fromClient || !_silent)
                {
                    await to.GetStream().WriteAsync(buffer.AsMemory(0, count), _stop.Token);
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
