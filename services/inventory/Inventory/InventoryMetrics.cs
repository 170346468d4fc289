using System.Diagnostics.Metrics;
using Inventory.Domain;

namespace Inventory;

/// <summary>What the business asks about a warehouse, as metrics.</summary>
internal static class InventoryMetrics
{
    private static readonly Meter Meter = new("inventory");

    private static readonly Counter<long> Reservations =
        Meter.CreateCounter<long>("shop.inventory.reservations", "{order}", "Reservations that were made, refused or released.");

    private static readonly Counter<long> Shipments = Meter.CreateCounter<long>("shop.inventory.shipments", "{parcel}", "Parcels that left.");

    private static readonly Counter<long> LowStock = Meter.CreateCounter<long>(
        "shop.inventory.low_stock", "{crossing}", "Times that stock fell to its reorder point.");

    private static readonly Histogram<int> Groups =
        Meter.CreateHistogram<int>("shop.inventory.reservation_group", "{order}", "Orders whose reservations were committed together.");

    public static void Decided(ReservationStatus status) =>
        Reservations.Add(1, new KeyValuePair<string, object?>("outcome", status.ToString().ToLowerInvariant()));

    public static void Dispatched() => Shipments.Add(1);

    public static void Low() => LowStock.Add(1);

    public static void Group(int size) => Groups.Record(size);
}
