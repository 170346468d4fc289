using System.Diagnostics.Metrics;

namespace Chassis.EventSourcing;

/// <summary>How far the projections are behind, as metrics.</summary>
internal sealed class ProjectionMetrics : IDisposable
{
    public const string MeterName = "Chassis.EventSourcing";

    private readonly Meter meter;
    private IReadOnlyList<ProjectionStatus> last = [];

    public ProjectionMetrics(IMeterFactory meters)
    {
        meter = meters.Create(MeterName);
        meter.CreateObservableGauge("event_store.projection.lag", () => Read(s => s.Lag), "{event}", "Events that the projection has not applied yet.");
        meter.CreateObservableGauge("event_store.projection.lag_age", () => Read(s => s.LagSeconds), "s", "Age of the oldest event not applied yet.");
        meter.CreateObservableGauge("event_store.position", () => last.Count == 0 ? 0 : last[0].Head, "{event}", "Highest position in the store.");
    }

    public void Update(IReadOnlyList<ProjectionStatus> status) => last = status;

    public void Dispose() => meter.Dispose();

    private IEnumerable<Measurement<double>> Read(Func<ProjectionStatus, double> value) =>
        last.Select(s => new Measurement<double>(value(s), new KeyValuePair<string, object?>("projection", s.Name)));
}
