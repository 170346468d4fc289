using System.Diagnostics;
using System.Globalization;
using Chassis.Messaging.Model;
using Contracts.Events;
using RabbitMQ.Client;
using RabbitMQ.Client.Events;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Relay;

/// <summary>
/// One channel in confirm mode on which many messages are under way at once. It says of each what became of it: confirmed, or why not.
/// After the channel is lost it says nothing; <see cref="TakeUnsettled"/> gives the messages whose fate is unknown.
/// </summary>
/// <remarks>Written to by one task at a time.</remarks>
internal sealed class ConfirmingPublisher : IAsyncDisposable
{
    public const int MaxInFlight = 2048;

    private readonly IConnection _connection;
    private readonly IChannel _channel;
    private readonly Topology _topology;
    private readonly Action<OutboxRow, string?> _settled;
    private readonly TimeProvider _clock;
    private readonly string _account;
    // By tag and not in a ring: one message that is never confirmed must not meet the 2,048th after it.
    private readonly Dictionary<ulong, OutboxRow> _inFlight = [];
    private readonly SemaphoreSlim _room;
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource<string> _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong _nextTag = 1;
    private ulong _oldestTag = 1;
    private long _oldestSince;
    private bool _blocked;
    private bool _abandoned;

    private ConfirmingPublisher(
        IConnection connection, IChannel channel, Topology topology, string account, Action<OutboxRow, string?> settled, TimeProvider clock, int window)
    {
        _connection = connection;
        _channel = channel;
        _topology = topology;
        _settled = settled;
        _clock = clock;
        _account = account;
        _room = new SemaphoreSlim(window);
        channel.BasicAcksAsync += (_, e) => SettleAsync(e.DeliveryTag, e.Multiple, null);
        channel.BasicNacksAsync += (_, e) => SettleAsync(e.DeliveryTag, e.Multiple, "The broker did not take the message.");
        channel.BasicReturnAsync += OnReturnedAsync;
        channel.ChannelShutdownAsync += (_, e) => OnClosedAsync(e);
        connection.ConnectionShutdownAsync += (_, e) => OnClosedAsync(e);
        connection.ConnectionBlockedAsync += (_, _) => OnBlockedAsync(true);
        connection.ConnectionUnblockedAsync += (_, _) => OnBlockedAsync(false);
    }

    /// <summary>Ends when the channel or the connection is lost, with the reason.</summary>
    public Task<string> Closed => _closed.Task;

    /// <summary>
    /// For how long the oldest message has been the oldest. A broker that is slow confirms one after the other, so that this stays short however long each of
    /// them takes; one that takes no messages for want of memory or disk has said so, and the time does not count.
    /// </summary>
    public TimeSpan StuckFor
    {
        get
        {
            lock (_gate)
            {
                return _blocked || _inFlight.Count == 0 ? TimeSpan.Zero : _clock.GetElapsedTime(_oldestSince);
            }
        }
    }

    public bool IsIdle
    {
        get
        {
            lock (_gate)
            {
                return _inFlight.Count == 0;
            }
        }
    }

    public bool HasRoom => _room.CurrentCount > 0;

    public static async Task<ConfirmingPublisher> OpenAsync(
        BrokerConnection broker,
        Func<IConnection, Topology> topology,
        Action<OutboxRow, string?> settled,
        TimeProvider clock,
        CancellationToken ct,
        int window = MaxInFlight)
    {
        var connection = await broker.OpenAsync("relay", ct);
        try
        {
            var exchanges = topology(connection);
            await exchanges.DeclareOwnAsync(ct);

            // Tracking is done here: the client's own would add a header to every message and a task to wait for each.
            var channel = await connection.CreateChannelAsync(
                new CreateChannelOptions(publisherConfirmationsEnabled: true, publisherConfirmationTrackingEnabled: false), ct);
            return new ConfirmingPublisher(connection, channel, exchanges, broker.Account, settled, clock, window);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Sends a message and comes back without waiting for the broker, unless too many are under way.</summary>
    public async ValueTask PublishAsync(OutboxRow row, CancellationToken ct)
    {
        if (await _topology.CheckAsync(row.Exchange, ct) is { } missing)
        {
            _settled(row, missing);
            return;
        }

        if (!_room.Wait(0, CancellationToken.None))
        {
            await _room.WaitAsync(ct);
        }

        lock (_gate)
        {
            if (_inFlight.Count == 0)
            {
                _oldestTag = _nextTag;
                _oldestSince = _clock.GetTimestamp();
            }

            _inFlight[_nextTag++] = row;
            row.Sending = StartSpan(row);
        }

        var headers = new Dictionary<string, object?>(row.Headers.Count);
        foreach (var (name, value) in row.Headers)
        {
            headers[name] = value;
        }

        // Of an event it is there already: by it the broker chooses a lane, whatever kind of message it is.
        if (row.Key is { } key)
        {
            headers.TryAdd(CloudEventHeaders.Subject, key);
        }

        var properties = new BasicProperties
        {
            ContentType = row.ContentType,
            MessageId = row.MessageId.ToString(),
            UserId = _account,
            Persistent = true,
            Headers = headers,
        };
        await _channel.BasicPublishAsync(row.Exchange, row.RoutingKey, row.Mandatory, properties, row.Body, ct);
    }

    public bool Holds(OutboxRow row)
    {
        lock (_gate)
        {
            return _inFlight.ContainsValue(row);
        }
    }

    /// <summary>
    /// The messages of which nothing is known, in the order in which they were sent. Whatever the broker says of them later is not heard any more.
    /// </summary>
    public List<OutboxRow> TakeUnsettled()
    {
        lock (_gate)
        {
            List<OutboxRow> rows = [.. InOrder().Where(row => !row.GivenUp)];
            _abandoned = _inFlight.Count > 0;
            _inFlight.Clear();
            rows.ForEach(row => EndSpan(row, "unconfirmed"));
            return rows;
        }
    }

    /// <summary>
    /// Waits no longer for what is under way. A late word of the broker is still heard, and they keep their room until then: so does the broker.
    /// </summary>
    public List<OutboxRow> GiveUp()
    {
        lock (_gate)
        {
            List<OutboxRow> rows = [.. InOrder().Where(row => !row.GivenUp)];
            rows.ForEach(row => row.GivenUp = true);
            rows.ForEach(row => EndSpan(row, "unconfirmed"));
            return rows;
        }
    }

    /// <summary>What is under way and belongs to this process no longer than until then.</summary>
    public List<OutboxRow> OwnedUntil(long timestamp)
    {
        lock (_gate)
        {
            // The oldest one goes first. Mostly it has been under way for milliseconds, and there is nothing to look for.
            return _inFlight.TryGetValue(_oldestTag, out var oldest) && oldest.OwnedUntil < timestamp
                ? [.. _inFlight.Values.Where(row => row.OwnedUntil < timestamp && !row.GivenUp)]
                : [];
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            if (_abandoned || !IsIdle)
            {
                // Nobody who says good-bye would be answered: a channel that waits for a queue does nothing else.
                await _connection.AbortAsync(TimeSpan.FromSeconds(1));
            }

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
    private Task SettleAsync(ulong tag, bool multiple, string? error)
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
            var before = _oldestTag;
            while (_oldestTag < _nextTag && !_inFlight.ContainsKey(_oldestTag))
            {
                _oldestTag++;
            }

            if (_oldestTag != before)
            {
                _oldestSince = _clock.GetTimestamp();
            }
        }

        return Task.CompletedTask;
    }

    private void SettleOne(ulong tag, string? error)
    {
        OutboxRow? row;
        lock (_gate)
        {
            _inFlight.Remove(tag, out row);
        }

        if (row is null)
        {
            return;
        }

        _room.Release();
        var reason = error ?? row.Returned;
        EndSpan(row, error is not null ? "refused" : row.Returned is not null ? "unroutable" : null);
        row.Returned = null;
        _settled(row, reason);
    }

    // The broker sends a message back before it confirms it, and says where it was to go: one id can be under way to several places, and to one place several
    // times. Those share a fate, since nothing tells them apart: what is refused is sent again.
    private Task OnReturnedAsync(object sender, BasicReturnEventArgs e)
    {
        if (Guid.TryParse(e.BasicProperties.MessageId, out var id))
        {
            lock (_gate)
            {
                foreach (var row in _inFlight.Values.Where(
                    row => row.Mandatory && row.MessageId == id && row.Exchange == e.Exchange && row.RoutingKey == e.RoutingKey))
                {
                    row.Returned = string.Create(CultureInfo.InvariantCulture, $"Not routable: {e.ReplyCode} {e.ReplyText}.");
                }
            }
        }

        return Task.CompletedTask;
    }

    // Of the trace that the message belongs to. It is nobody's current one: others are sent while this one waits for its confirmation.
    private static Activity? StartSpan(OutboxRow row)
    {
        if (!MessagingTelemetry.Source.HasListeners() || !ActivityContext.TryParse(row.TraceParent, null, isRemote: true, out var creation))
        {
            return null;
        }

        var before = Activity.Current;
        var span = MessagingTelemetry.Source.StartActivity($"{MessagingTelemetry.Send} {row.Exchange}", ActivityKind.Producer, creation);
        Activity.Current = before;
        if (span is { IsAllDataRequested: true })
        {
            MessagingTelemetry.Describe(
                span, MessagingTelemetry.Broker, MessagingTelemetry.Send, row.Exchange, row.MessageId.ToString(),
                row.Headers.GetValueOrDefault(CloudEventHeaders.CorrelationId));
            if (row.RoutingKey.Length > 0)
            {
                span.SetTag("messaging.rabbitmq.destination.routing_key", row.RoutingKey);
            }
        }

        return span;
    }

    private static void EndSpan(OutboxRow row, string? error)
    {
        if (row.Sending is { } span)
        {
            row.Sending = null;
            if (error is not null)
            {
                span.Fail(error);
            }

            span.Dispose();
        }
    }

    private IEnumerable<OutboxRow> InOrder() => _inFlight.OrderBy(each => each.Key).Select(each => each.Value);

    private Task OnBlockedAsync(bool blocked)
    {
        lock (_gate)
        {
            _blocked = blocked;
            _oldestSince = _clock.GetTimestamp();
        }

        return Task.CompletedTask;
    }

    private Task OnClosedAsync(ShutdownEventArgs e)
    {
        _closed.TrySetResult($"{e.ReplyCode} {e.ReplyText}");
        return Task.CompletedTask;
    }
}
