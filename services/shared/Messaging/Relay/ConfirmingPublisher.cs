using System.Globalization;
using Chassis.Messaging.Outbox;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Relay;

/// <summary>
/// One channel in confirm mode on which many messages are under way at once. It says of each what became of it: confirmed, or why not.
/// After the channel is lost it says nothing; <see cref="Unsettled"/> are then the messages whose fate is unknown.
/// </summary>
/// <remarks>Written to by one task at a time.</remarks>
internal sealed class ConfirmingPublisher : IAsyncDisposable
{
    private const int MaxInFlight = 2048;

    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly Topology _topology;
    private readonly Action<OutboxRow, string?> _settled;
    private readonly OutboxRow?[] _inFlight = new OutboxRow?[MaxInFlight];
    private readonly SemaphoreSlim _room = new(MaxInFlight);
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong _nextTag = 1;
    private ulong _oldestTag = 1;

    private ConfirmingPublisher(IConnection connection, IChannel channel, Topology topology, Action<OutboxRow, string?> settled)
    {
        _connection = connection;
        _channel = channel;
        _topology = topology;
        _settled = settled;
        channel.BasicAcksAsync += (_, e) => Settle(e.DeliveryTag, e.Multiple, null);
        channel.BasicNacksAsync += (_, e) => Settle(e.DeliveryTag, e.Multiple, "The broker did not take the message.");
        channel.BasicReturnAsync += OnReturned;
        channel.ChannelShutdownAsync += (_, e) => OnClosed(e);
        connection.ConnectionShutdownAsync += (_, e) => OnClosed(e);
    }

    /// <summary>Ends when the channel or the connection is lost, with the reason.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>In the order in which they were sent.</summary>
    public IReadOnlyList<OutboxRow> Unsettled
    {
        get
        {
            lock (_gate)
            {
                var rows = new List<OutboxRow>();
                for (var tag = _oldestTag; tag < _nextTag; tag++)
                {
                    if (_inFlight[tag % MaxInFlight] is { } row)
                    {
                        rows.Add(row);
                    }
                }

                return rows;
            }
        }
    }

    public static async Task<ConfirmingPublisher> OpenAsync(
        BrokerConnection broker, Func<IConnection, Topology> topology, Action<OutboxRow, string?> settled, CancellationToken cancellationToken)
    {
        var connection = await broker.OpenAsync("relay", cancellationToken);
        try
        {
            var exchanges = topology(connection);
            await exchanges.DeclareOwnAsync(cancellationToken);

            // Tracking is done here: the client's own would add a header to every message and a task to wait for each.
            var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), cancellationToken);
            return new ConfirmingPublisher(connection, channel, exchanges, settled);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a message and comes back without waiting for the broker, unless too many are under way.</summary>
    public async ValueTask PublishAsync(OutboxRow row, CancellationToken cancellationToken)
    {
        if (await _topology.CheckAsync(row.Exchange, cancellationToken) is { } missing)
        {
            _settled(row, missing);
            return;
        }

        if (!_room.Wait(0, CancellationToken.None))
        {
            await _room.WaitAsync(cancellationToken);
        }

        lock (_gate)
        {
            _inFlight[_nextTag++ % MaxInFlight] = row;
        }

        var headers = new Dictionary<string, object?>(row.Headers.Count);
        foreach (var (name, value) in row.Headers)
        {
            headers[name] = value;
        }

        var properties = new BasicProperties
        {
            ContentType = row.ContentType,
            MessageId = row.MessageId.ToString(),
            Persistent = true,
            Headers = headers,
        };
        await _channel.BasicPublishAsync(row.Exchange, row.RoutingKey, row.Mandatory, properties, row.Body, cancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            await _channel.DisposeAsync();
            await _connection.DisposeAsync();
        }
        catch (Exception e) when (e is AlreadyClosedException or OperationInterruptedException or IOException or TimeoutException)
        {
            // Nothing is left to close.
        }

        _room.Dispose();
    }

    // Runs on the connection's reading task: no waiting here.
    private Task Settle(ulong tag, bool multiple, string? error)
    {
        if (multiple)
        {
            for (var each = _oldestTag; each <= tag; each++)
            {
                SettleOne(each, error);
            }
        }
        else
        {
            SettleOne(tag, error);
        }

        lock (_gate)
        {
            while (_oldestTag < _nextTag && _inFlight[_oldestTag % MaxInFlight] is null)
            {
                _oldestTag++;
            }
        }

        return Task.CompletedTask;
    }

    private void SettleOne(ulong tag, string? error)
    {
        OutboxRow? row;
        lock (_gate)
        {
            ref var slot = ref _inFlight[tag % MaxInFlight];
            row = slot;
            slot = null;
        }

        if (row is null)
        {
            return;
        }

        _room.Release();
        var reason = error ?? row.Returned;
        row.Returned = null;
        _settled(row, reason);
    }

    // The broker sends a message back before it confirms it, and says where it was to go: one id can be under way to several places, and to one place several times.
    // Those share a fate, since nothing tells them apart: what is refused is sent again.
    private Task OnReturned(object sender, BasicReturnEventArgs e)
    {
        if (Guid.TryParse(e.BasicProperties.MessageId, out var id))
        {
            lock (_gate)
            {
                for (var tag = _oldestTag; tag < _nextTag; tag++)
                {
                    if (_inFlight[tag % MaxInFlight] is { Mandatory: true } row && row.MessageId == id && row.Exchange == e.Exchange && row.RoutingKey == e.RoutingKey)
                    {
                        row.Returned = string.Create(CultureInfo.InvariantCulture, $"Not routable: {e.ReplyCode} {e.ReplyText}.");
                    }
                }
            }
        }

        return Task.CompletedTask;
    }

    private Task OnClosed(ShutdownEventArgs e)
    {
        _closed.TrySetResult($"{e.ReplyCode} {e.ReplyText}");
        return Task.CompletedTask;
    }
}
