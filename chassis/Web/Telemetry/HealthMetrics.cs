using System.Diagnostics.Metrics;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chassis.Web;

/// <summary>What <c>/health/ready</c> answers, as a figure, so that it is known without a prober.</summary>
internal sealed class HealthMetrics : IHealthCheckPublisher, IDisposable
{
    private readonly Meter _meter;
    private volatile HealthReport? _last;

    public HealthMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("Chassis.Web");
        _meter.CreateObservableGauge(
            "health.status", () => Read(), "{status}", "A part of the service's readiness, asked every ten seconds: 2 healthy, 1 degraded, 0 unhealthy.");
    }

    public Task PublishAsync(HealthReport report, CancellationToken cancellationToken)
    {
        _last = report;
        return Task.CompletedTask;
    }

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<int>> Read() =>
        _last?.Entries.Select(e => new Measurement<int>((int)e.Value.Status, new KeyValuePair<string, object?>("check", e.Key))) ?? [];
}
