using Chassis.Data;
using Chassis.Messaging.Storage;
using Microsoft.Extensions.Logging;

namespace Chassis.Messaging.Relay;

/// <summary>Keeps the figures for the gauges, so that collecting metrics does not wait for the database.</summary>
internal sealed class OutboxGauges(OutboxStore store, OutboxRelay relay, MessagingMetrics metrics, TimeProvider clock, ILogger<OutboxGauges> logger)
    : PeriodicService(clock, logger)
{
    private static readonly OutboxFigures Nothing = new(0, 0, 0, 0, 0, 0);

    private (OutboxFigures Figures, DateTimeOffset At)? _last;

    /// <summary>The last figures, and when they were taken; null before the first time.</summary>
    public (OutboxFigures Figures, DateTimeOffset At)? Last => _last;

    protected override TimeSpan Interval { get; } = TimeSpan.FromSeconds(10);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.Observe(() => _last?.Figures ?? Nothing, () => relay.InMemory, () => relay.Unconfirmed);
        return base.StartAsync(cancellationToken);
    }

    // The last figures stay until the database answers again.
    protected override async Task RunOnceAsync(CancellationToken ct) => _last = (await store.FiguresAsync(metrics.DispatchRate, ct), Clock.GetUtcNow());
}
