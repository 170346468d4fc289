using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Orders.Catalogue;

/// <summary>How far the local copies are behind their owners.</summary>
public sealed class CatalogueMetrics : IDisposable
{
    private readonly Meter meter;
    private readonly Histogram<double> lag;
    private readonly ConcurrentDictionary<string, double> last = new();
    private readonly TimeProvider clock;

    public CatalogueMetrics(IMeterFactory meters, TimeProvider clock)
    {
        this.clock = clock;
        meter = meters.Create("Shop.Orders.Catalogue");
        lag = meter.CreateHistogram<double>("orders.catalogue.lag", "s", "Time from an event at its publisher to the local copy.");
        meter.CreateObservableGauge(
            "orders.catalogue.last_lag",
            () => last.Select(l => new Measurement<double>(l.Value, new KeyValuePair<string, object?>("copy", l.Key))),
            "s",
            "Lag of the newest event that was applied.");
    }

    public void Applied(string copy, DateTimeOffset at)
    {
        var seconds = Math.Max(0, (clock.GetUtcNow() - at).TotalSeconds);
        last[copy] = seconds;
        lag.Record(seconds, new KeyValuePair<string, object?>("copy", copy));
    }

    public void Dispose() => meter.Dispose();
}
