using System.Diagnostics.Metrics;
using Chassis.Data;
using Inventory.Domain;
using Microsoft.EntityFrameworkCore;

namespace Inventory;

/// <summary>What the business asks about a warehouse, as metrics. What happens in a unit of work is counted when that is committed.</summary>
public sealed class InventoryMetrics : IInstruments, IDisposable
{
    private static readonly InstrumentAdvice<int> Sizes = new() { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] };

    private readonly Meter _meter;
    private readonly Counter<long> _reservations;
    private readonly Counter<long> _stockOuts;
    private readonly Counter<long> _shipments;
    private readonly Counter<long> _lowStock;
    private readonly Histogram<int> _groups;

    public InventoryMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("inventory");
        _reservations = _meter.CreateCounter<long>("shop.inventory.reservations", "{order}", "Reservations that were made, refused or released.");
        _stockOuts = _meter.CreateCounter<long>("shop.inventory.stock_outs", "{order}", "Reservations that were refused because there is too little.");
        _shipments = _meter.CreateCounter<long>("shop.inventory.shipments", "{parcel}", "Parcels that left.");
        _lowStock = _meter.CreateCounter<long>("shop.inventory.low_stock", "{crossing}", "Times that stock fell to its reorder point.");
        _groups = _meter.CreateHistogram(
            "shop.inventory.reservation_group", "{order}", "Orders whose reservations were committed together.", advice: Sizes);
    }

    public void StartAtZero()
    {
        foreach (var outcome in (string[])["reserved", "failed", "released"])
        {
            _reservations.Add(0, new KeyValuePair<string, object?>("outcome", outcome));
        }

        _stockOuts.Add(0);
        _shipments.Add(0);
        _lowStock.Add(0);
    }

    /// <summary>Orders whose reservations are committed together, and those reservations that are new.</summary>
    internal void Decided(DbContext db, int group, IReadOnlyList<Reservation> reservations) => db.OnCommitted(() =>
    {
        _groups.Record(group);
        foreach (var reservation in reservations)
        {
            var isFailed = reservation.Status == ReservationStatus.Failed;
            _reservations.Add(1, new KeyValuePair<string, object?>("outcome", isFailed ? "failed" : "reserved"));
            _stockOuts.Add(isFailed && reservation.Shortages is { Count: > 0 } ? 1 : 0);
        }
    });

    internal void Released(DbContext db) => db.OnCommitted(() => _reservations.Add(1, new KeyValuePair<string, object?>("outcome", "released")));

    internal void Dispatched(DbContext db) => db.OnCommitted(() => _shipments.Add(1));

    internal void Low(DbContext db) => db.OnCommitted(() => _lowStock.Add(1));

    public void Dispose() => _meter.Dispose();
}
