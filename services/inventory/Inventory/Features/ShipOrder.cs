using Chassis;
using Chassis.Messaging;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using Microsoft.Extensions.Options;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>
/// Turns a reservation into a shipment: dispatched at once, or waiting for an operator, who then causes the answer. An order has one shipment
/// at most, so that shipping twice is impossible.
/// </summary>
public sealed class ShipOrderHandler(
    InventoryDbContext db,
    Reservations reservations,
    Shipments shipments,
    IPublishEndpoint publish,
    IOptions<ShippingOptions> options,
    TimeProvider clock)
{
    public Task Handle(V1.ShipOrder command, CancellationToken ct) => reservations.ChangeOrCloseAsync(
        command.OrderId,
        "There was nothing reserved to ship.",
        reservation => reservation.Status switch
        {
            ReservationStatus.Reserved => ShipAsync(reservation, command, ct),
            ReservationStatus.Shipping => Task.CompletedTask, // the dispatch will answer
            ReservationStatus.Shipped => shipments.TellDispatchedAsync(command.OrderId, ct),
            _ => publish.PublishEventAsync(
                new V1.StockReleased(command.OrderId, reservation.Lines.ForOthers(), reservation.Reason!, reservation.EndedAt!.Value), reservation.Version, ct),
        },
        ct);

    private async Task ShipAsync(Reservation reservation, V1.ShipOrder command, CancellationToken ct)
    {
        var shipment = Shipment.Of(reservation, Ids.New(clock), command.UserId, command.Address.AsOurs(), clock.Now());
        db.Shipments.Add(shipment);
        if (options.Value.AutoDispatch)
        {
            await shipments.DispatchAsync(reservation, shipment, options.Value.Carrier, TrackingNumber(shipment.Id), ct);
            return;
        }

        reservation.Claim();
    }

    // The random half of the id: as unique as the shipment, and it does not tell when it was made.
    private string TrackingNumber(Guid shipmentId) => options.Value.TrackingPrefix + shipmentId.ToString("N")[16..].ToUpperInvariant();
}

internal sealed class ShipOrderConsumer(ShipOrderHandler handler) : IConsumer<V1.ShipOrder>
{
    public Task Consume(ConsumeContext<V1.ShipOrder> context) => handler.Handle(context.Message, context.CancellationToken);
}
