using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using MassTransit;
using Microsoft.AspNetCore.Http.HttpResults;
using V1 = Shop.Contracts.Inventory.V1;
using Validator = Chassis.Web.Validator;

namespace Inventory.Features;

/// <param name="Quantity">Pieces, at least one.</param>
/// <param name="Reference">Delivery note or the like.</param>
public sealed record ReceiveStockRequest([property: Range(1, Limits.MaxQuantity)] int Quantity, [property: Text(Limits.MaxReference)] string Reference);

/// <summary>Books pieces that came in.</summary>
public sealed class ReceiveStock(InventoryDbContext db, Catalogue catalogue, StockLedger ledger, IPublishEndpoint publish, TimeProvider clock)
{
    public async Task<StockFigures> Handle(string sku, ReceiveStockRequest request, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();

        await using var transaction = await db.BeginOrJoinAsync(ct);
        var product = await catalogue.FindForShareAsync(sku, ct) ?? throw Errors.NoSuchProduct(sku);
        if (product.Status == ProductStatus.Discontinued)
        {
            throw Errors.Discontinued(sku);
        }

        if (product.IsComposite)
        {
            throw Errors.HasRecipe(sku);
        }

        var figures = await BookAsync(sku, request.Quantity, request.Reference, ct);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return figures;
    }

    /// <summary>Books and tells, in the caller's transaction, for a product that has stock.</summary>
    public async Task<StockFigures> BookAsync(string sku, int quantity, string reference, CancellationToken ct)
    {
        var figures = await ledger.ReceiveAsync(sku, quantity, reference, ct) ?? throw Errors.HasRecipe(sku);
        if (figures.OnHand > Limits.MaxOnHand)
        {
            throw ProblemException.Conflict("too_many_pieces", $"There would be more than {Limits.MaxOnHand} pieces of {sku}.");
        }

        await publish.PublishEventAsync(new V1.StockReceived(sku, quantity, figures.OnHand, reference, clock.Now()), figures.Version, ct);
        return figures;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapPost("/{sku}/receipts", Post)
            .RequireSystemOperator(InventoryPermissions.ChangeStock)
            .WithIdempotencyKey()
            .WithName("ReceiveStock")
            .WithSummary("Books pieces that came in.");

    private static async Task<Created<BookedView>> Post(string sku, ReceiveStockRequest request, ReceiveStock feature, CancellationToken ct)
    {
        var figures = await feature.Handle(sku, request, ct);
        return TypedResults.Created(
            $"/v1/products/{sku}/movements",
            new BookedView(sku, figures.Version, MovementKind.Receipt, request.Quantity, request.Reference, StockView.Of(figures)));
    }
}
