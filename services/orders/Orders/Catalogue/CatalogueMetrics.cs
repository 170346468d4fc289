using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;

namespace Orders.Catalogue;

/// <summary>How far the local copies are behind their owners.</summary>
internal sealed class CatalogueMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Histogram<double> _lag;
    private readonly ConcurrentDictionary<string, double> _last = new();
    private readonly TimeProvider _clock;

    public CatalogueMetrics(IMeterFactory meters, TimeProvider clock)
    {
        this._clock = clock;
        _meter = meters.Create("orders");
        _lag = _meter.CreateHistogram("shop.copies.lag", "s", "Time from an event at its publisher to the local copy.", advice: Buckets.Waits);
        _meter.CreateObservableGauge(
            "shop.copies.last_lag",
            () => _last.Select(l => new Measurement<double>(l.Value, new KeyValuePair<string, object?>("copy", l.Key))),
            "s",
            "Lag of the newest event that this replica applied.");
    }

    /// <summary>An event is applied in the unit of work at hand.</summary>
    public void Applied(DbContext db, string copy, DateTimeOffset at) => db.OnCommitted(() => Committed(copy, at));

    public void Dispose() => _meter.Dispose();

    private void Committed(string copy, DateTimeOffset at)
    {
        var seconds = Math.Max(0, (_clock.GetUtcNow() - at).TotalSeconds);
        _last[copy] = seconds;
        _lag.Record(seconds, new KeyValuePair<string, object?>("copy", copy));
    }
}
