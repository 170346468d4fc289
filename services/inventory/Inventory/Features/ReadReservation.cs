using Chassis;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>What is, was or could not be set aside for an order.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Status">reserved, shipping (a shipment waits for dispatch), shipped, released or failed.</param>
/// <param name="Items">What was ordered.</param>
/// <param name="Lines">The parts that are, or were, set aside for it.</param>
/// <param name="Shortages">What there was too little of.</param>
/// <param name="Reason">Why it failed or was released.</param>
/// <param name="ShipmentId">Its shipment.</param>
/// <param name="Version">Also the <c>ETag</c>.</param>
/// <param name="CreatedAt">When it was first heard of.</param>
/// <param name="ReservedAt">When it was set aside.</param>
/// <param name="ExpiresAt">When it is released if nobody claims it.</param>
/// <param name="EndedAt">When it was shipped, released or refused.</param>
internal sealed record ReservationView(
    Guid OrderId,
    ReservationStatus Status,
    IReadOnlyList<SkuQuantity> Items,
    IReadOnlyList<SkuQuantity> Lines,
    IReadOnlyList<Shortage> Shortages,
    string? Reason,
    Guid? ShipmentId,
    int Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? ReservedAt,
    DateTimeOffset? ExpiresAt,
    DateTimeOffset? EndedAt);

internal static class ReadReservation
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder reservations) =>
        reservations.MapGet("/{orderId:guid}", Get)
            .RequireOperator(InventoryPermissions.ReadStock)
            .WithName("ReadReservation")
            .WithSummary("The reservation of an order.");

    private static async Task<ETagged<Ok<ReservationView>>> Get(Guid orderId, InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        var found = await db.Reservations.AsNoTracking().VisibleTo(caller).Where(r => r.OrderId == orderId)
            .Select(r => new { Reservation = r, ShipmentId = db.Shipments.Where(s => s.OrderId == orderId).Select(s => (Guid?)s.Id).FirstOrDefault() })
            .SingleOrDefaultAsync(ct) ?? throw ProblemException.NotFound();
        var r = found.Reservation;
        return TypedResults.Ok(new ReservationView(
            r.OrderId, r.Status, r.Items, r.Lines, r.Shortages ?? [], r.Reason, found.ShipmentId, r.Version, r.CreatedAt, r.ReservedAt, r.ExpiresAt, r.EndedAt))
            .WithETag(r.Version);
    }
}
