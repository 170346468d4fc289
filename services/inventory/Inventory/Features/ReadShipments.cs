using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>A parcel.</summary>
/// <param name="Id">The shipment.</param>
/// <param name="OrderId">Its order.</param>
/// <param name="UserId">The customer, when known.</param>
/// <param name="Status">pending, dispatched or cancelled.</param>
/// <param name="Items">What was ordered.</param>
/// <param name="PickList">The parts to take from the shelves for it.</param>
/// <param name="Address">Where to; null once the customer is erased or the shipment cancelled.</param>
/// <param name="Carrier">Who carries it.</param>
/// <param name="TrackingNumber">The carrier's number.</param>
/// <param name="Version">Also the <c>ETag</c>.</param>
/// <param name="CreatedAt">When the order was to be shipped.</param>
/// <param name="DispatchedAt">When it left.</param>
/// <param name="CancelledAt">When it was cancelled.</param>
internal sealed record ShipmentView(
    Guid Id,
    Guid OrderId,
    Guid? UserId,
    ShipmentStatus Status,
    IReadOnlyList<SkuQuantity> Items,
    IReadOnlyList<SkuQuantity> PickList,
    ShipTo? Address,
    string? Carrier,
    string? TrackingNumber,
    int Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? DispatchedAt,
    DateTimeOffset? CancelledAt)
{
    public static ShipmentView Of(Shipment s) => new(
        s.Id,
        s.OrderId,
        s.UserId,
        s.Status,
        s.Items,
        s.PickList,
        s.Address,
        s.Carrier,
        s.TrackingNumber,
        s.Version,
        s.CreatedAt,
        s.DispatchedAt,
        s.CancelledAt);
}

internal static class ReadShipments
{
    public static void Map(RouteGroupBuilder shipments)
    {
        shipments.MapGet("/", List).RequireOperator(InventoryPermissions.ReadStock).WithName("ListShipments")
            .WithSummary("Shipments, newest first: of an order, or with a carrier's number.");
        shipments.MapGet("/{id:guid}", Get).RequireOperator(InventoryPermissions.ReadStock).WithName("ReadShipment").WithSummary("One shipment.");
    }

    private static async Task<Ok<Page<ShipmentView>>> List(
        [MaxLength(20)] string? status, Guid? orderId, [MaxLength(Limits.MaxTrackingNumber)] string? trackingNumber, [AsParameters] PageQuery page,
        InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        var shipments = db.Shipments.AsNoTracking().VisibleTo(caller);
        if (status is not null)
        {
            ShipmentStatus? wanted = status switch
            {
                "pending" => ShipmentStatus.Pending,
                "dispatched" => ShipmentStatus.Dispatched,
                "cancelled" => ShipmentStatus.Cancelled,
                _ => throw ProblemException.Invalid("status", "must be pending, dispatched or cancelled."),
            };
            shipments = shipments.Where(s => s.Status == wanted);
        }

        if (orderId is not null)
        {
            shipments = shipments.Where(s => s.OrderId == orderId);
        }

        if (trackingNumber is not null)
        {
            shipments = shipments.Where(s => s.TrackingNumber == trackingNumber);
        }

        // Ids begin with their time.
        if (page.After<Guid>() is { } before)
        {
            shipments = shipments.Where(s => s.Id < before);
        }

        var rows = await shipments.OrderByDescending(s => s.Id).Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of([.. rows.Select(ShipmentView.Of)], page, s => s.Id));
    }

    private static async Task<ETagged<Ok<ShipmentView>>> Get(Guid id, InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        var shipment = await db.Shipments.AsNoTracking().VisibleTo(caller).SingleOrDefaultAsync(s => s.Id == id, ct) ?? throw ProblemException.NotFound();
        return TypedResults.Ok(ShipmentView.Of(shipment)).WithETag(shipment.Version);
    }
}
