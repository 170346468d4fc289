using System.Text.Json;
using Chassis.Web;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>One change of a product. Correlation and user of another tenant are not shown to an operator of a tenant.</summary>
internal sealed record ProductChangeView(
    Guid EventId, string EventType, int Version, DateTimeOffset OccurredAt, JsonElement Payload, string? CorrelationId, string? UserId);

/// <summary>Everything that ever happened to a product, in order.</summary>
internal static class ReadProductHistory
{
    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapGet("/{sku}/history", Get)
            .RequireOperator(InventoryPermissions.ReadStock)
            .WithName("ReadProductHistory")
            .WithSummary("Every change of a product, in order.");

    private static async Task<Ok<Page<ProductChangeView>>> Get(
        string sku, [AsParameters] PageQuery page, InventoryDbContext db, Caller caller, CancellationToken ct)
    {
        if (!await db.Products.AnyAsync(p => p.Sku == sku, ct))
        {
            throw Errors.NoSuchProduct(sku);
        }

        var after = page.After<int>() ?? 0;
        var rows = await db.ProductHistory.AsNoTracking().Where(c => c.Sku == sku && c.Version > after)
            .OrderBy(c => c.Version).Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(
            [.. rows.Select(c => new ProductChangeView(
                c.EventId, c.EventType, c.Version, c.OccurredAt, JsonSerializer.Deserialize<JsonElement>(c.Payload),
                caller.MaySeeTenant(c.TenantId) ? c.CorrelationId : null, caller.MaySeeTenant(c.TenantId) ? c.UserId : null))],
            page, c => c.Version));
    }
}
