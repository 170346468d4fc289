using Chassis.Web;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>
/// One line of the ledger: what moved, why, and the figures after it. Order, correlation and user of another tenant are not shown to an operator of a tenant.
/// </summary>
internal sealed record MovementView(
    int Version,
    MovementKind Kind,
    int Quantity,
    int OnHandChange,
    int ReservedChange,
    int ShippedChange,
    int OnHand,
    int Reserved,
    int Available,
    long Shipped,
    Guid? OrderId,
    string? Reference,
    DateTimeOffset OccurredAt,
    string? CorrelationId,
    string? UserId);

/// <summary>
/// The ledger of a sku from its first line: the changes add up to the figures of its stock. A product with a recipe has no lines, its parts do.
/// </summary>
internal static class ReadMovements
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapGet("/{sku}/movements", Get)
            .RequireOperator(InventoryPermissions.ReadStock)
            .WithName("ListMovements")
            .WithSummary("The ledger that explains every piece, oldest line first.");

    private static async Task<Ok<Page<MovementView>>> Get(
        string sku, [AsParameters] PageQuery page, InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        if (!await db.Products.AnyAsync(p => p.Sku == sku, ct))
        {
            throw Errors.NoSuchProduct(sku);
        }

        var tenant = caller.TenantId;
        var after = page.After<int>() ?? 0;
        var rows = await db.Movements.AsNoTracking().Where(m => m.Sku == sku && m.Version > after)
            .OrderBy(m => m.Version).Take(page.Size + 1)
            .Select(m => new MovementView(
                m.Version, m.Kind, m.Quantity, m.OnHandChange, m.ReservedChange, m.ShippedChange,
                m.OnHand, m.Reserved, m.OnHand - m.Reserved, m.Shipped,
                tenant == null || m.TenantId == tenant ? m.OrderId : null, m.Reference, m.OccurredAt,
                tenant == null || m.TenantId == tenant ? m.CorrelationId : null, tenant == null || m.TenantId == tenant ? m.UserId : null))
            .ToListAsync(ct);
        return TypedResults.Ok(Page.Of(rows, page, m => m.Version));
    }
}
