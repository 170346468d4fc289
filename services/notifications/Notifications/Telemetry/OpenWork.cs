using Chassis.Data;
using Notifications.Mails;
using Notifications.Webhooks;

namespace Notifications.Telemetry;

/// <summary>Keeps the figures of what waits for the gauges, so that collecting metrics does not wait for the database.</summary>
internal sealed class OpenWork(MailQueue mails, DeliveryQueue deliveries, NotificationMetrics metrics, TimeProvider clock, ILogger<OpenWork> logger)
    : PeriodicService(clock, logger)
{
    private (long, double)? _mails;
    private (long, double)? _webhooks;

    protected override TimeSpan Interval { get; } = TimeSpan.FromSeconds(10);

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        metrics.Observe(() => _mails, () => _webhooks);
        return base.StartAsync(cancellationToken);
    }

    // The last figures stay until the database answers again; its own health check says that it does not.
    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        _mails = await mails.FiguresAsync(ct);
        _webhooks = await deliveries.FiguresAsync(ct);
    }
}
