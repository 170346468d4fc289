using Chassis.Web;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>
/// The figures of a product. One with a recipe has none of its own: reserved and shipped count orders of it, and on hand adds to the reserved
/// ones those that the available parts would make.
/// </summary>
public static class ReadStock
{
    // One statement, so that all of it is from one moment. It reads the open orders of the product: those that were shipped are counted when they are.
    internal const string OfRecipe =
        """
        SELECT parts.available AS "Available", coalesce(ordered.reserved, 0) AS "Reserved", coalesce(counted.shipped, 0) AS "Shipped"
        FROM (
            SELECT min((s.on_hand - s.reserved) / p.quantity)::bigint AS available
            FROM product_parts p JOIN stock s ON s.sku = p.part_sku WHERE p.sku = {0}
        ) AS parts CROSS JOIN (
            SELECT sum((item ->> 'quantity')::bigint)::bigint AS reserved
            FROM reservations r, jsonb_array_elements(r.items) AS item
            WHERE r.has_recipes AND r.status IN ('reserved', 'shipping')
                AND r.items @> jsonb_build_array(jsonb_build_object('sku', {0})) AND item ->> 'sku' = {0}
        ) AS ordered LEFT JOIN recipe_shipments AS counted ON counted.sku = {0}
        WHERE parts.available IS NOT NULL
        """;

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapGet("/{sku}/stock", Get)
            .RequireOperator(InventoryPermissions.ReadStock)
            .WithName("ReadStock")
            .WithSummary("How many pieces are on hand, reserved, available and shipped.");

    private static async Task<Ok<StockView>> Get(string sku, InventoryDbContext db, CancellationToken ct)
    {
        var stock = await db.Stock.AsNoTracking().SingleOrDefaultAsync(s => s.Sku == sku, ct);
        return TypedResults.Ok(stock is not null
            ? new StockView(sku, stock.OnHand, stock.Reserved, stock.OnHand - stock.Reserved, stock.Shipped)
            : await OfRecipeAsync(sku, db, ct) ?? throw Errors.NoSuchProduct(sku));
    }

    private static async Task<StockView?> OfRecipeAsync(string sku, InventoryDbContext db, CancellationToken ct)
    {
        var figures = await db.Database.SqlQueryRaw<RecipeFigures>(OfRecipe, sku).ToListAsync(ct);
        return figures is [var f] ? new StockView(sku, f.Available + f.Reserved, f.Reserved, f.Available, f.Shipped) : null;
    }

    private sealed record RecipeFigures(long Available, long Reserved, long Shipped);
}
