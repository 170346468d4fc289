using System.Net;
using System.Net.Sockets;

namespace Chassis.Testing;

/// <summary>What a link does to what is sent over it.</summary>
public enum LinkMode
{
    /// <summary>Forwards at once.</summary>
    Open,

    /// <summary>Forwards everything late, in order.</summary>
    Slow,

    /// <summary>Accepts and forwards nothing in either direction, as when packets are dropped; nothing is lost once it heals.</summary>
    BlackHole,

    /// <summary>Requests go through, answers do not.</summary>
    OneWay,

    /// <summary>Resets what is open and what is opened.</summary>
    Reset,
}

/// <summary>A link between a service and its broker or database that can be slowed, cut, reset and silenced: a TCP proxy on the loopback address.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly CancellationTokenSource _stopped = new();
    private readonly HashSet<Socket> _open = [];
    private readonly Lock _gate = new();
    private readonly (string Host, int Port) _target;
    private readonly Task _accepting;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile byte[][] _markers = [];
    private volatile LinkMode _mode = LinkMode.Open;

    /// <param name="host">Where the server is.</param>
    /// <param name="port">Its port.</param>
    /// <param name="name">For messages.</param>
    /// <param name="near">Where the proxy listens; null for loopback.</param>
    public TcpProxy(string host, int port, string name = "", IPAddress? near = null)
    {
        Name = name;
        _listener = new TcpListener(near ?? IPAddress.Loopback, 0);
        _target = (host, port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Name { get; }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>The same address by way of the proxy, which listens on loopback wherever the server is.</summary>
    public Uri Through(Uri server) => new UriBuilder(server) { Host = ((IPEndPoint)_listener.LocalEndpoint).Address.ToString(), Port = Port }.Uri;

    /// <summary>How late a slow link delivers.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Whether the markers have gone by.</summary>
    public bool IsSilenced { get; private set; }

    /// <summary>From the moment when a client has sent these bytes, on one connection and in this order, answers do not come through any more.</summary>
    public void SilenceServerAfter(params byte[][] inThisOrder) => _markers = inThisOrder;

    /// <summary>Breaks what is connected now.</summary>
    public void Cut()
    {
        Set(LinkMode.Reset);
        Set(LinkMode.Open);
    }

    public void Set(LinkMode next)
    {
        TaskCompletionSource before;
        Socket[] victims;
        lock (_gate)
        {
            _mode = next;
            before = _changed;
            _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            victims = next == LinkMode.Reset ? [.. _open] : [];
        }

        foreach (var socket in victims)
        {
            Reset(socket);
        }

        before.TrySetResult();
    }

    public async ValueTask DisposeAsync()
    {
        await _stopped.CancelAsync();
        _listener.Stop();
        Set(LinkMode.Reset);
        await _accepting;
        _stopped.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!_stopped.IsCancellationRequested)
        {
            try
            {
                var client = await _listener.AcceptSocketAsync(_stopped.Token);
                _ = ServeAsync(client);
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var server = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        try
        {
            Track(client);
            if (_mode == LinkMode.Reset)
            {
                return;
            }

            await server.ConnectAsync(_target.Host, _target.Port, _stopped.Token);
            Track(server);
            await Task.WhenAny(PumpAsync(client, server, isAnswer: false), PumpAsync(server, client, isAnswer: true));
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The other end sees the same as with a broken network: a connection that ends.
        }
        finally
        {
            lock (_gate)
            {
                _open.Remove(client);
                _open.Remove(server);
            }

            Reset(client);
            Reset(server);
        }
    }

    private async Task PumpAsync(Socket from, Socket to, bool isAnswer)
    {
        var buffer = new byte[64 * 1024];
        var seen = 0;
        byte[] tail = [];
        try
        {
            while (true)
            {
                var count = await from.ReceiveAsync(buffer, _stopped.Token);
                if (!isAnswer)
                {
                    LookForMarkers(buffer.AsSpan(0, count), ref seen, ref tail);
                }

                await PassAsync(isAnswer);
                if (count == 0)
                {
                    return;
                }

                for (var sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), _stopped.Token);
                }
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Ends both directions, as a reset does.
        }
    }

    /// <param name="bytes">What has come now.</param>
    /// <param name="seen">How many markers have gone by on this connection.</param>
    /// <param name="tail">The end of what came before, for a marker of which TCP delivers the two halves apart.</param>
    private void LookForMarkers(ReadOnlySpan<byte> bytes, ref int seen, ref byte[] tail)
    {
        var wanted = _markers;
        if (seen >= wanted.Length)
        {
            return;
        }

        bytes = (byte[])[.. tail, .. bytes];
        while (seen < wanted.Length && bytes.IndexOf(wanted[seen]) is >= 0 and var at)
        {
            bytes = bytes[(at + wanted[seen].Length)..];
            seen++;
        }

        if (seen == wanted.Length)
        {
            Set(LinkMode.OneWay);
            IsSilenced = true;
            return;
        }

        tail = bytes[^Math.Min(bytes.Length, wanted[seen].Length - 1)..].ToArray();
    }

    private async Task PassAsync(bool isAnswer)
    {
        while (true)
        {
            Task change;
            LinkMode now;
            lock (_gate)
            {
                (now, change) = (_mode, _changed.Task);
            }

            switch (now)
            {
                case LinkMode.BlackHole:
                case LinkMode.OneWay when isAnswer:
                    await change.WaitAsync(_stopped.Token);
                    continue;
                case LinkMode.Slow:
                    await Task.Delay(Delay, _stopped.Token);
                    return;
                default:
                    return;
            }
        }
    }

    private void Track(Socket socket)
    {
        lock (_gate)
        {
            _open.Add(socket);
        }
    }

    private static void Reset(Socket socket)
    {
        try
        {
            socket.LingerState = new LingerOption(true, 0);   // RST instead of FIN
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Closed already.
        }

        socket.Dispose();
    }
}
