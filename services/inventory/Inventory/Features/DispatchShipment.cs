using Chassis;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <param name="Carrier">Who carries it.</param>
/// <param name="TrackingNumber">The carrier's number.</param>
internal sealed record DispatchShipmentRequest(
    [property: Text(Limits.MaxCarrier)] string Carrier, [property: Text(Limits.MaxTrackingNumber)] string TrackingNumber);

/// <summary>An operator hands a waiting parcel to a carrier.</summary>
internal sealed class DispatchShipment(InventoryDbContext db, Reservations reservations, Shipments shipments, Caller caller)
{
    public async Task<Shipment> Handle(Guid id, DispatchShipmentRequest request, ExpectedVersion expected, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();

        var orderId = await db.Shipments.VisibleTo(caller).Where(s => s.Id == id).Select(s => (Guid?)s.OrderId).SingleOrDefaultAsync(ct)
            ?? throw ProblemException.NotFound();
        Shipment shipment = null!;
        await reservations.ChangeAsync(
            orderId,
            async reservation =>
            {
                shipment = await db.Shipments.SingleAsync(s => s.Id == id, ct);
                expected.Check(shipment.Version);
                if (shipment.Status != ShipmentStatus.Pending)
                {
                    throw ProblemException.Conflict(
                        shipment.Status == ShipmentStatus.Dispatched ? "shipment_dispatched" : "shipment_cancelled",
                        $"The shipment is {(shipment.Status == ShipmentStatus.Dispatched ? "dispatched" : "cancelled")} already.");
                }

                await shipments.DispatchAsync(reservation, shipment, request.Carrier, request.TrackingNumber, ct);
            },
            ct);
        return shipment;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder shipments) =>
        shipments.MapPost("/{id:guid}/dispatch", Post)
            .RequireOperator(InventoryPermissions.ChangeStock)
            .WithIdempotencyKey()
            .WithName("DispatchShipment")
            .WithSummary("Hands a waiting shipment to a carrier.");

    private static async Task<ETagged<Ok<ShipmentView>>> Post(
        Guid id, DispatchShipmentRequest request, ExpectedVersion expected, DispatchShipment feature, CancellationToken ct)
    {
        var shipment = await feature.Handle(id, request, expected, ct);
        return TypedResults.Ok(ShipmentView.Of(shipment)).WithETag(shipment.Version);
    }
}
