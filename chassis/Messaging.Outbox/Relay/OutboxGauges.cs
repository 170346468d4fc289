using Chassis.Data;
using Chassis.Messaging.Storage;
using Microsoft.Extensions.Logging;

namespace Chassis.Messaging.Relay;

/// <summary>Keeps the figures for the gauges, so that collecting metrics does not wait for the database.</summary>
internal sealed class OutboxGauges(OutboxStore store, OutboxRelay relay, MessagingMetrics metrics, TimeProvider clock, ILogger<OutboxGauges> logger)
    : PeriodicService(clock, logger)
{
    private OutboxFigures _figures = new(0, 0, 0, 0, 0, 0);

    protected override TimeSpan Interval { get; } = TimeSpan.FromSeconds(10);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.Observe(() => _figures, () => relay.InMemory, () => relay.Unconfirmed);
        return base.StartAsync(cancellationToken);
    }

    // The last figures stay until the database answers again.
    protected override async Task RunOnceAsync(CancellationToken ct) => _figures = await store.FiguresAsync(metrics.DispatchRate, ct);
}
