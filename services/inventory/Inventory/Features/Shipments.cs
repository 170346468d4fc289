using Chassis.Messaging;
using Chassis.Messaging.Erasure;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>
/// What happens to a shipment, for the features that make it happen. The reservation's row is locked by the caller, and with it the shipment.
/// </summary>
public sealed class Shipments(InventoryDbContext db, StockLedger ledger, IPublishEndpoint publish, InventoryMetrics metrics, TimeProvider clock)
{
    /// <summary>The parcel leaves: the pieces go out of the stock, once.</summary>
    public async Task DispatchAsync(Reservation reservation, Shipment shipment, string carrier, string trackingNumber, CancellationToken ct)
    {
        var now = clock.Now();
        if (shipment.UserId is { } customer)
        {
            // An erasure in this moment either sees the parcel gone, or is seen here.
            await ErasureLock.ShareAsync(db, customer, ct);
        }

        await ledger.ShipAsync(reservation.OrderId, reservation.Lines, ct);
        reservation.Ship(now);
        shipment.Dispatch(carrier, trackingNumber, await db.ErasedUsers.AnyAsync(u => u.UserId == shipment.UserId, ct), now);
        metrics.Dispatched(db);
        await TellAsync(shipment, ct);
    }

    /// <summary>Says again that the order's parcel has left.</summary>
    public async Task TellDispatchedAsync(Guid orderId, CancellationToken ct) =>
        await TellAsync(await db.Shipments.SingleAsync(s => s.OrderId == orderId, ct), ct);

    /// <summary>The parcel will not be packed.</summary>
    public async Task CancelAsync(Guid orderId, CancellationToken ct) => (await db.Shipments.SingleAsync(s => s.OrderId == orderId, ct)).Cancel(clock.Now());

    private Task TellAsync(Shipment s, CancellationToken ct) => publish.PublishEventAsync(
        new V1.ShipmentDispatched(s.Id, s.OrderId, s.Carrier!, s.TrackingNumber!, s.PickList.ForOthers(), s.DispatchedAt!.Value), s.Version, ct);
}
