using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Validator = Chassis.Web.Validator;

namespace Inventory.Features;

/// <param name="Quantity">Pieces found, or, negative, lost. Not zero.</param>
/// <param name="Reason">Why the count was wrong.</param>
internal sealed record AdjustStockRequest(
    [property: Range(-Limits.MaxQuantity, Limits.MaxQuantity)] int Quantity, [property: Text(Limits.MaxReason)] string Reason)
    : IHasReason;

/// <summary>Corrects the count, also of a discontinued product: what is left of it may be written off.</summary>
internal sealed class AdjustStock(InventoryDbContext db, Catalogue catalogue, StockLedger ledger, StockSignals signals)
{
    public async Task<StockFigures> Handle(string sku, AdjustStockRequest request, CancellationToken ct)
    {
        new Validator().Bounds(request).Check(request.Quantity != 0, "quantity", "must not be zero.").ThrowIfInvalid();

        await using var transaction = await db.BeginOrJoinAsync(ct);
        var product = await catalogue.FindForShareAsync(sku, ct) ?? throw Errors.NoSuchProduct(sku);
        if (product.IsComposite)
        {
            throw Errors.HasRecipe(sku);
        }

        if (await ledger.AdjustAsync(sku, request.Quantity, request.Reason, ct) is not { } figures)
        {
            var stock = await db.Stock.AsNoTracking().SingleAsync(s => s.Sku == sku, ct);
            throw ProblemException.Conflict(
                "insufficient_stock", $"Of {sku} {stock.OnHand} pieces are on hand and {stock.Reserved} of them are reserved.");
        }

        if (figures.OnHand > Limits.MaxOnHand)
        {
            throw ProblemException.Conflict("too_many_pieces", $"There would be more than {Limits.MaxOnHand} pieces of {sku}.");
        }

        await signals.TellIfLowAsync(figures, -request.Quantity, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return figures;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapPost("/{sku}/adjustments", Post)
            .RequireSystemOperator(InventoryPermissions.ChangeStock)
            .WithIdempotencyKey()
            .WithName("AdjustStock")
            .WithSummary("Corrects the count.");

    private static async Task<Created<BookedView>> Post(string sku, AdjustStockRequest request, AdjustStock feature, CancellationToken ct)
    {
        var figures = await feature.Handle(sku, request, ct);
        return TypedResults.Created(
            $"/v1/products/{sku}/movements",
            new BookedView(sku, figures.Version, MovementKind.Adjustment, request.Quantity, request.Reason, StockView.Of(figures)));
    }
}
