using System.ComponentModel.DataAnnotations;
using System.Text.Json;
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
    DateTimeOffset? EndedAt)
{
    public static ReservationView Of(Reservation r, Guid? shipment) => new(
        r.OrderId, r.Status, r.Items, r.Lines, r.Shortages ?? [], r.Reason, shipment, r.Version, r.CreatedAt, r.ReservedAt, r.ExpiresAt, r.EndedAt);
}

internal static class ReadReservation
{
    public static void Map(RouteGroupBuilder reservations)
    {
        reservations.MapGet("/", List)
            .RequireOperator(InventoryPermissions.ReadStock)
            .WithName("ListReservations")
            .WithSummary("Reservations, newest order first. With `open` and `sku`: who holds the stock of a product.");
        reservations.MapGet("/{orderId:guid}", Get)
            .RequireOperator(InventoryPermissions.ReadStock)
            .WithName("ReadReservation")
            .WithSummary("The reservation of an order.");
    }

    /// <param name="sku">Only those of this product, ordered or taken as a part; together with <paramref name="open"/>.</param>
    /// <param name="open">True: only those that hold stock. False: only those that have ended.</param>
    /// <param name="page">Which page.</param>
    /// <param name="db">The reservations.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="ct">Cancels.</param>
    private static async Task<Ok<Page<ReservationView>>> List(
        [MaxLength(Skus.MaxLength)] string? sku, bool? open, [AsParameters] PageQuery page, InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        if (sku is not null && open is not true)
        {
            // What is open is little. Everything that ever was stands by product in the ledger, and not here.
            throw ProblemException.Invalid("sku", "is for what is open: open=true. What was, is at /v1/products/{sku}/movements.");
        }

        var reservations = (sku is null ? db.Reservations : Of(db, sku)).AsNoTracking().VisibleTo(caller);
        reservations = open switch
        {
            true => reservations.Where(r => r.Status == ReservationStatus.Reserved || r.Status == ReservationStatus.Shipping),
            false => reservations.Where(r => r.Status != ReservationStatus.Reserved && r.Status != ReservationStatus.Shipping),
            null => reservations,
        };

        // Ids of orders begin with their time.
        if (page.After<Guid>() is { } before)
        {
            reservations = reservations.Where(r => r.OrderId < before);
        }

        var rows = await reservations.OrderByDescending(r => r.OrderId).Take(page.Size + 1).ToListAsync(ct);
        var orders = rows.ConvertAll(r => r.OrderId);
        var shipments = await db.Shipments.AsNoTracking().Where(s => orders.Contains(s.OrderId)).ToDictionaryAsync(s => s.OrderId, s => (Guid?)s.Id, ct);
        return TypedResults.Ok(Page.Of(rows.ConvertAll(r => ReservationView.Of(r, shipments.GetValueOrDefault(r.OrderId))), page, r => r.OrderId));
    }

    private static IQueryable<Reservation> Of(InventoryDbContext db, string sku)
    {
        var line = JsonSerializer.Serialize(new[] { new { sku } });
        return db.Reservations.FromSql($"SELECT * FROM reservations WHERE items @> {line}::jsonb OR lines @> {line}::jsonb");
    }

    private static async Task<ETagged<Ok<ReservationView>>> Get(Guid orderId, InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        var found = await db.Reservations.AsNoTracking().VisibleTo(caller).Where(r => r.OrderId == orderId)
            .Select(r => new { Reservation = r, ShipmentId = db.Shipments.Where(s => s.OrderId == orderId).Select(s => (Guid?)s.Id).FirstOrDefault() })
            .SingleOrDefaultAsync(ct) ?? throw ProblemException.NotFound();
        var r = found.Reservation;
        return TypedResults.Ok(ReservationView.Of(r, found.ShipmentId))
            .WithETag(r.Version);
    }
}
