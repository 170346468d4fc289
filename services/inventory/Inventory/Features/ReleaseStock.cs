using Chassis.Messaging;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>
/// Gives back what is set aside for an order, at any time before its parcel has left: before the reservation arrives, which is refused then, and
/// while a shipment waits, which is cancelled then.
/// </summary>
public sealed class ReleaseStockHandler(
    InventoryDbContext db, Reservations reservations, Shipments shipments, StockLedger ledger, IPublishEndpoint publish, InventoryMetrics metrics,
    TimeProvider clock)
{
    public Task Handle(V1.ReleaseStock command, CancellationToken ct) => reservations.ChangeOrCloseAsync(
        command.OrderId,
        command.Reason,
        async reservation =>
        {
            if (reservation.IsHeld)
            {
                await ReleaseAsync(reservation, command.Reason, ct);
            }

            await AnswerAsync(reservation, command.Reason, ct);
        },
        ct);

    /// <summary>Gives back a reservation whose time is over. False when it is not, or when somebody is at work on it.</summary>
    public Task<bool> ExpireAsync(Guid orderId, CancellationToken ct) => reservations.ChangeExpiredAsync(
        orderId,
        async reservation =>
        {
            await ReleaseAsync(reservation, $"Expired: neither shipped nor released by {reservation.ExpiresAt:u}.", ct);
            await AnswerAsync(reservation, reservation.Reason!, ct);
        },
        ct);

    private async Task ReleaseAsync(Reservation reservation, string reason, CancellationToken ct)
    {
        if (reservation.Status == ReservationStatus.Shipping)
        {
            await shipments.CancelAsync(reservation.OrderId, ct);
        }

        await ledger.ReleaseAsync(reservation.OrderId, reservation.Lines, ct);
        reservation.Release(reason, clock.Now());
        metrics.Released(db);
    }

    private async Task AnswerAsync(Reservation reservation, string reason, CancellationToken ct) =>
        await (reservation.Status == ReservationStatus.Shipped
            ? shipments.TellDispatchedAsync(reservation.OrderId, ct)
            : publish.PublishEventAsync(
                new V1.StockReleased(reservation.OrderId, reservation.Lines.ForOthers(), reservation.Reason ?? reason, reservation.EndedAt!.Value),
                reservation.Version,
                ct));
}

internal sealed class ReleaseStockConsumer(ReleaseStockHandler handler) : IConsumer<V1.ReleaseStock>
{
    public Task Consume(ConsumeContext<V1.ReleaseStock> context) => handler.Handle(context.Message, context.CancellationToken);
}
