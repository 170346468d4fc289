using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Chassis.Testing;
using Npgsql;

namespace Chassis.Web.Tests;

/// <summary>
/// A road to the database that is closed until the test opens it; one that pools announces another process than the session's, as poolers do.
/// </summary>
internal sealed class Road(NpgsqlConnectionStringBuilder server, bool pools = false) : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private TcpListener? _listener;
    private Task _accepting = Task.CompletedTask;

    public int Port { get; } = Ports.Free();

    public void Open()
    {
        _listener = new TcpListener(IPAddress.Loopback, Port);
        _listener.Start();
        _accepting = AcceptAsync(_listener);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener?.Stop();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync(TcpListener from)
    {
        try
        {
            while (true)
            {
                _ = ForwardAsync(await from.AcceptTcpClientAsync(_stop.Token));
            }
        }
        catch (OperationCanceledException)
        {
            // Closed.
        }
    }

    private async Task ForwardAsync(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient();
        try
        {
            await far.ConnectAsync(server.Host!, server.Port, _stop.Token);
            await Task.WhenAny(near.GetStream().CopyToAsync(far.GetStream(), _stop.Token), AnswerAsync(far.GetStream(), near.GetStream()));
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // The test is over.
        }
    }

    private async Task AnswerAsync(Stream from, Stream to)
    {
        const byte backendKeyData = (byte)'K';
        var head = new byte[5];   // type and length
        while (pools && head[0] != backendKeyData)
        {
            await from.ReadExactlyAsync(head, _stop.Token);
            var body = new byte[BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(1)) - 4];
            await from.ReadExactlyAsync(body, _stop.Token);
            body[0] ^= head[0] == backendKeyData ? (byte)1 : (byte)0;
            await to.WriteAsync(head, _stop.Token);
            await to.WriteAsync(body, _stop.Token);
        }

        await from.CopyToAsync(to, _stop.Token);
    }
}
