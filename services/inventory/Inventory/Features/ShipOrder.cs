using Chassis;
using Chassis.Messaging;
using Inventory.Persistence;
using MassTransit;
using Microsoft.Extensions.Options;
using Shop.Contracts.Inventory.V1;

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
    public Task Handle(ShipOrder command, CancellationToken ct) => reservations.ChangeOrCloseAsync(
        command.OrderId,
        "There was nothing reserved to ship.",
        reservation => reservation.Status switch
        {
            ReservationStatus.Reserved => ShipAsync(reservation, command, ct),
            ReservationStatus.Shipping => Task.CompletedTask, // the dispatch will answer
            ReservationStatus.Shipped => shipments.TellDispatchedAsync(command.OrderId, ct),
            _ => publish.PublishEvent(
                new StockReleased(command.OrderId, reservation.Lines, reservation.Reason!, reservation.EndedAt!.Value), reservation.Version, ct),
        },
        ct);

    private async Task ShipAsync(Reservation reservation, ShipOrder command, CancellationToken ct)
    {
        var shipment = new Shipment
        {
            Id = Ids.New(clock),
            OrderId = reservation.OrderId,
            TenantId = reservation.TenantId,
            UserId = command.UserId,
            Status = ShipmentStatus.Pending,
            Items = reservation.Items,
            PickList = reservation.Lines,
            Address = command.Address,
            CreatedAt = clock.Now(),
        };
        db.Shipments.Add(shipment);
        if (options.Value.AutoDispatch)
        {
            await shipments.DispatchAsync(reservation, shipment, options.Value.Carrier, TrackingNumber(shipment.Id), ct);
            return;
        }

        reservation.Status = ReservationStatus.Shipping;
        reservation.ExpiresAt = null;
        reservation.Version++;
    }

    // The random half of the id: as unique as the shipment, and it does not tell when it was made.
    private string TrackingNumber(Guid shipmentId) => options.Value.TrackingPrefix + shipmentId.ToString("N")[16..].ToUpperInvariant();
}

public sealed class ShipOrderConsumer(ShipOrderHandler handler) : IConsumer<ShipOrder>
{
    public Task Consume(ConsumeContext<ShipOrder> context) => handler.Handle(context.Message, context.CancellationToken);
}
