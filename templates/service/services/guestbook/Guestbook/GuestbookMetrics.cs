using System.Diagnostics.Metrics;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;

namespace Guestbook;

/// <summary>What the business asks about the service, as metrics. A label of yours has an entry in <c>tools/Services.Generator/MetricLabels.cs</c>.</summary>
internal sealed class GuestbookMetrics : IInstruments, IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _notes;

    public GuestbookMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("guestbook");
        _notes = _meter.CreateCounter<long>("shop.guestbook.notes", "{note}", "Notes that were added, by people and for orders.");
    }

    public void StartAtZero() => _notes.Add(0);

    /// <summary>A note is added in the unit of work at hand.</summary>
    public void Added(DbContext db) => db.OnCommitted(() => _notes.Add(1));

    public void Dispose() => _meter.Dispose();
}
