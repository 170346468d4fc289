using Chassis.Data;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>
/// Takes a product out of the catalogue. What is on hand stays, and orders that were placed before are fulfilled. Doing it twice is doing it once.
/// </summary>
internal sealed class DiscontinueProduct(InventoryDbContext db, Catalogue catalogue, ProductHistory history, TimeProvider clock)
{
    public async Task Handle(string sku, ExpectedVersion expected, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);

        // The same lock as for adding: nobody writes a recipe with this product meanwhile.
        await catalogue.LockAsync(ct);
        var product = await catalogue.FindForChangeAsync(sku, ct) ?? throw Errors.NoSuchProduct(sku);
        expected.Check(product.Version);
        if (product.Status == ProductStatus.Discontinued)
        {
            return;
        }

        var stock = await db.Stock.AsNoTracking().SingleOrDefaultAsync(s => s.Sku == sku, ct);
        product.Status = ProductStatus.Discontinued;
        product.DiscontinuedAt = product.ChangedAt = clock.Now();
        product.Version++;
        await history.RecordAsync(product, new ProductWasDiscontinued(sku, stock?.OnHand ?? 0, stock?.Reserved ?? 0), ct);
        await catalogue.SaveAsync(ct);
        await transaction.CommitAsync(ct);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapDelete("/{sku}", Delete)
            .RequireSystemOperator(InventoryPermissions.ChangeCatalogue)
            .WithName("DiscontinueProduct")
            .WithSummary("Discontinues a product.");

    private static async Task<NoContent> Delete(string sku, ExpectedVersion expected, DiscontinueProduct feature, CancellationToken ct)
    {
        await feature.Handle(sku, expected, ct);
        return TypedResults.NoContent();
    }
}
