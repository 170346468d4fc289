using Chassis.Data;
using Chassis.Messaging.Fairness;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Contracts.Events;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging.Relay;

/// <summary>
/// Brings the rows of the outbox to the broker, and what is for this service itself to its own endpoints. What this process has just committed it sends from
/// memory, without a second look at the table; what a crash left, what was scheduled and what was refused before, the sweep finds, in whichever replica comes
/// first.
/// </summary>
internal sealed partial class OutboxRelay : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(400);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private readonly OutboxStore _store;
    private readonly BrokerConnection _broker;
    private readonly EventCatalogue _catalogue;
    private readonly ServiceIdentity _service;
    private readonly VanishedExchanges _vanished;
    private readonly LocalDelivery _local;
    private readonly MessagingOptions _options;
    private readonly MessagingMetrics _metrics;
    private readonly TimeProvider _clock;
    private readonly ILogger<OutboxRelay> _logger;
    private readonly KeyedOrder _order;
    private readonly DeliveryRecorder _recorder;
    private readonly Detours _detours;
    private readonly Watermark _watermark;
    private readonly FairQueue _ready = new();
    private readonly MemoryShares _shares;
    private readonly long _ownership;
    private List<OutboxRow> _again = [];
    private volatile bool _accepting;

    public OutboxRelay(
        OutboxStore store,
        BrokerConnection broker,
        EventCatalogue catalogue,
        ServiceIdentity service,
        VanishedExchanges vanished,
        LocalDelivery local,
        IOptions<MessagingOptions> options,
        MessagingMetrics metrics,
        TimeProvider clock,
        ILogger<OutboxRelay> logger)
    {
        _store = store;
        _broker = broker;
        _catalogue = catalogue;
        _service = service;
        _vanished = vanished;
        _local = local;
        _options = options.Value;
        _metrics = metrics;
        _clock = clock;
        _logger = logger;
        _shares = new MemoryShares(_options, clock);
        _order = new KeyedOrder(row => Release(row, isAgain: false));
        _recorder = new DeliveryRecorder(store, _options, metrics, clock, logger);
        _detours = new Detours(() => new Detour(
            OpenAsync, new Detour.Outcomes(Settled, _recorder.Confirmed, _shares.Forget), _options.ConfirmPatience, clock));
        _local.Begin(Settled, _shares.Forget);
        _watermark = new Watermark(_options.Lease, clock);
        // Stop well before the lease ends: the next owner must not start while a message is still under way.
        _ownership = (long)(_options.Lease.TotalSeconds * 0.75 * clock.TimestampFrequency);
    }

    /// <summary>Whether the broker is reachable right now.</summary>
    public bool IsConnected { get; private set; }

    /// <summary>Whether the broker has refused the service's account at the last attempt.</summary>
    public bool IsRefused { get; private set; }

    public int InMemory => _shares.Rows;

    /// <summary>Destinations that do not confirm what is sent to them.</summary>
    public int Unconfirmed => _detours.Count;

    /// <summary>
    /// Announces the rows of a transaction that is about to commit. Null when there is nothing to hand over, or no room for it: the sweep will find the rows.
    /// </summary>
    public Handover? Register(IReadOnlyList<OutboxRow> written)
    {
        var now = _clock.GetTimestamp();
        List<OutboxRow>? rows = null;
        foreach (var row in written)
        {
            if (row.DueAt is null && !row.IsSurplus)
            {
                row.OwnedUntil = now + _ownership;
                (rows ??= new List<OutboxRow>(written.Count)).Add(row);
            }
        }

        return rows is not null && _accepting && _shares.TryAdd(rows)
            ? new Handover(_order, _order.Register(rows), () => rows.ForEach(_shares.Forget))
            : null;
    }

    /// <summary>Whether a row that is about to be written is more than its tenant's share of the memory.</summary>
    public bool IsSurplus(OutboxRow row) => row.DueAt is null && _shares.IsSurplus(row.TenantOrNone);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _accepting = true;
        _recorder.Start();
        return base.StartAsync(cancellationToken);
    }

    /// <summary>Sends what is in memory before it goes.</summary>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        _accepting = false;
        var started = _clock.GetTimestamp();
        while (((IsConnected && InMemory > 0) || _local.InFlight > 0)
            && _clock.GetElapsedTime(started) < _options.DrainTimeout
            && !cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(10), _clock, CancellationToken.None);
        }

        await base.StopAsync(cancellationToken);
        await _recorder.StopAsync();
    }

    public override void Dispose()
    {
        _recorder.Dispose();
        _ready.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failures = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await using var publisher = await OpenAsync(Settled, ConfirmingPublisher.MaxInFlight, stoppingToken);
                LogConnected();
                failures = 0;
                (IsConnected, IsRefused) = (true, false);
                if (await RunAsync(publisher, stoppingToken))
                {
                    continue;
                }
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (BrokerFailure.Is(e))
            {
                IsRefused = BrokerFailure.IsRefusal(e);
                LogDisconnected(IsRefused ? "It refuses the name or the password of this service (RabbitMq:Username, RabbitMq:Password)." : e.Message);
            }
            finally
            {
                IsConnected = false;
            }

            // Whatever did not confirm may do so when the broker is back.
            await _detours.EndAsync();
            failures++;
            var pause = Backoff.Jittered(Backoff.Exponential(failures, FirstPause, LongestPause));
            await Task.Delay(pause, _clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private Task<ConfirmingPublisher> OpenAsync(Action<OutboxRow, string?> settled, int window, CancellationToken ct) =>
        ConfirmingPublisher.OpenAsync(_broker, connection => new Topology(connection, _catalogue, _service, _vanished, _clock), settled, _clock, ct, window);

    /// <returns>Whether the broker is there, and a new connection is needed all the same.</returns>
    private async Task<bool> RunAsync(ConfirmingPublisher publisher, CancellationToken stoppingToken)
    {
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var pump = PumpAsync(publisher, lost.Token);
        var sweep = SweepAsync(publisher, lost.Token);
        var stuck = StuckAsync(publisher, lost.Token);
        var ended = await Task.WhenAny(pump, sweep, stuck, publisher.Closed);
        if (publisher.Closed.IsCompletedSuccessfully)
        {
            LogDisconnected(await publisher.Closed);
        }

        await lost.CancelAsync();
        try
        {
            await Task.WhenAll(pump, sweep, stuck);
        }
        catch (OperationCanceledException)
        {
            // That was the intention.
        }
        finally
        {
            // Their fate is unknown: send them again, under the same ids, if they are still ours by then.
            var unsettled = publisher.TakeUnsettled();
            if (ended == stuck && stuck.IsCompletedSuccessfully)
            {
                // Which of them it is that does not confirm shows when each has a way of its own.
                _detours.Begin(unsettled);
                LogUnconfirmed(unsettled.Count, string.Join(", ", unsettled.Select(row => row.Exchange).Distinct()));
            }
            else
            {
                _again = [.. unsettled, .. _again];
            }
        }

        return ended == stuck && !stoppingToken.IsCancellationRequested;
    }

    private async Task StuckAsync(ConfirmingPublisher publisher, CancellationToken ct)
    {
        while (publisher.StuckFor < _options.ConfirmPatience)
        {
            await Task.Delay(_options.ConfirmPatience / 20, _clock, ct);
        }
    }

    private async Task PumpAsync(ConfirmingPublisher publisher, CancellationToken ct)
    {
        var again = _again;
        _again = [];
        for (var i = 0; i < again.Count; i++)
        {
            await PublishOrKeepAsync(publisher, again[i], again, i, ct);
        }

        while (true)
        {
            var row = await _ready.TakeAsync(ct);
            await PublishOrKeepAsync(publisher, row, [row], 0, ct);
        }
    }

    private async ValueTask PublishOrKeepAsync(ConfirmingPublisher publisher, OutboxRow row, List<OutboxRow> rest, int index, CancellationToken ct)
    {
        if (_clock.GetTimestamp() > row.OwnedUntil)
        {
            _shares.Forget(row);
            return;
        }

        if (_detours.TryTake(row))
        {
            return;
        }

        try
        {
            await publisher.PublishAsync(row, ct);
        }
        catch
        {
            // The row itself is among the unsettled when it got that far; sending it twice does no harm.
            _again.AddRange(rest.Skip(publisher.Holds(row) ? index + 1 : index));
            throw;
        }
    }

    private async Task SweepAsync(ConfirmingPublisher publisher, CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            var pause = _options.SweepInterval;
            try
            {
                await KeepAsync(publisher, ct);
                if (InMemory < _options.MemoryRows / 2)
                {
                    pause = await SweepOnceAsync(ct);
                }
            }
            catch (Exception e) when (DatabaseFailure.Is(e))
            {
                LogSweepFailed(e.Message);
                pause = TimeSpan.FromSeconds(1);
            }

            if (pause > TimeSpan.Zero)
            {
                await Task.Delay(pause, _clock, ct);
            }
        }
    }

    /// <summary>What is under way for long stays ours, so that nobody sends it a second time meanwhile.</summary>
    private async Task KeepAsync(ConfirmingPublisher publisher, CancellationToken ct)
    {
        var now = _clock.GetTimestamp();
        List<OutboxRow> rows =
        [
            .. publisher.OwnedUntil(now + (_ownership / 2)), .. _detours.OwnedUntil(now + (_ownership / 2)), .. _local.OwnedUntil(now + (_ownership / 2)),
        ];
        if (rows.Count > 0)
        {
            await _store.KeepAsync(rows, _options.Lease, ct);
            rows.ForEach(row => row.OwnedUntil = now + _ownership);
        }
    }

    private async Task<TimeSpan> SweepOnceAsync(CancellationToken ct)
    {
        var ownedUntil = _clock.GetTimestamp() + _ownership;
        // What is replayed, and what is more than a tenant's share, gets a fifth each, and only while little is under way: live messages pass it by.
        var behind = InMemory < _options.SweepBatch ? (_options.SweepBatch + 4) / 5 : 0;
        var (rows, more, next) = await _store.ClaimAsync(_options.SweepBatch, behind, _watermark, _options.Lease, ct);
        foreach (var row in rows)
        {
            row.OwnedUntil = ownedUntil;
            _shares.Add(row);
        }

        foreach (var row in rows)
        {
            Release(row, isAgain: true);
        }

        if (more)
        {
            return TimeSpan.Zero;
        }

        var pause = next ?? _options.SweepInterval;
        return pause > _options.SweepInterval ? _options.SweepInterval
            : pause < TimeSpan.FromMilliseconds(20) ? TimeSpan.FromMilliseconds(20)
            : pause;
    }

    private void Release(OutboxRow row, bool isAgain)
    {
        if (!_local.TryTake(row, isAgain))
        {
            _ready.Add(row);
        }
    }

    private void Settled(OutboxRow row, string? error)
    {
        _shares.Forget(row);
        if (error is null)
        {
            _recorder.Confirmed(row);
        }
        else
        {
            _recorder.Refused(row, error);
        }
    }

    [LoggerMessage(2001, LogLevel.Information, "The relay is connected to the broker.", EventName = "outbox.relay.connected")]
    private partial void LogConnected();

    [LoggerMessage(2002, LogLevel.Warning, "The relay has lost the broker or cannot reach it, messages wait in the outbox: {Reason}",
        EventName = "outbox.relay.disconnected")]
    private partial void LogDisconnected(string reason);

    [LoggerMessage(2004, LogLevel.Warning,
        "{Count} messages are not confirmed by a broker that is there ({Exchanges}): a queue may have lost its quorum. What goes there gets a connection of its own.",
        EventName = "outbox.relay.unconfirmed")]
    private partial void LogUnconfirmed(int count, string exchanges);

    [LoggerMessage(2003, LogLevel.Warning, "The outbox could not be swept: {Reason}", EventName = "outbox.sweep_failed")]
    private partial void LogSweepFailed(string reason);
}
