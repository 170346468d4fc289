using System.Diagnostics.Metrics;

namespace Chassis.EventSourcing;

/// <summary>How far the projections are behind, as metrics.</summary>
internal sealed class ProjectionMetrics : IDisposable
{
    public const string MeterName = "Chassis.EventSourcing";

    private readonly Meter _meter;
    private IReadOnlyList<ProjectionStatus> _last = [];

    public ProjectionMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableGauge("event_store.projection.lag", () => Read(s => s.Lag), "{event}", "Events that the projection has not applied yet.");
        _meter.CreateObservableGauge("event_store.projection.lag_age", () => Read(s => s.LagSeconds), "s", "Age of the oldest event not applied yet.");
        _meter.CreateObservableGauge("event_store.position", () => _last.Count == 0 ? 0 : _last[0].Head, "{event}", "Highest position in the store.");
    }

    public void Update(IReadOnlyList<ProjectionStatus> status) => _last = status;

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<double>> Read(Func<ProjectionStatus, double> value) =>
        _last.Select(s => new Measurement<double>(value(s), new KeyValuePair<string, object?>("projection", s.Name)));
}
