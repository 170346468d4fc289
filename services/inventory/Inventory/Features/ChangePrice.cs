using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Contracts.Events;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Shop.Contracts;
using Validator = Chassis.Web.Validator;

namespace Inventory.Features;

/// <summary>The new price: <c>{"price": {"amount": "19.99", "currency": "EUR"}}</c>, or the money itself, which is what the resource is.</summary>
internal sealed record ChangePriceRequest(
    Money? Price = null,
    [property: RegularExpression(Prices.Shape)] string? Amount = null,
    [property: RegularExpression(Prices.CurrencyShape)] string? Currency = null);

/// <summary>Changes what new orders pay for a product.</summary>
internal sealed class ChangePrice(InventoryDbContext db, Catalogue catalogue)
{
    public async Task<Product> Handle(string sku, Money price, ExpectedVersion expected, CancellationToken ct)
    {
        if (Prices.Problem(price) is { } problem)
        {
            throw ProblemException.Invalid("price", problem);
        }

        await using var transaction = await db.BeginOrJoinAsync(ct);
        var product = await catalogue.FindForChangeAsync(sku, ct) ?? throw Errors.NoSuchProduct(sku);
        expected.Check(product.Version);
        if (product.Status == ProductStatus.Discontinued)
        {
            throw Errors.Discontinued(sku);
        }

        if (await catalogue.ChangePriceAsync(product, price, ct))
        {
            await catalogue.SaveAsync(ct);
        }

        await transaction.CommitAsync(ct);
        return product;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapPut("/{sku}/price", Put)
            .RequireSystemOperator(InventoryPermissions.ChangeCatalogue)
            .WithName("ChangePrice")
            .WithSummary("Changes the price.");

    private static async Task<ETagged<Ok<ProductView>>> Put(
        string sku, ChangePriceRequest request, ExpectedVersion expected, ChangePrice feature, CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        var product = await feature.Handle(sku, PriceOf(request), expected, ct);
        return TypedResults.Ok(ProductView.Of(product)).WithETag(product.Version);
    }

    private static Money PriceOf(ChangePriceRequest request) => request switch
    {
        { Price: { } price, Amount: null, Currency: null } => price,
        { Price: null, Amount: { } text, Currency: { } currency } =>
            DecimalStringConverter.TryParse(text, out var amount)
                ? new Money(amount, currency)
                : throw ProblemException.Invalid("amount", "A decimal number is expected, for example \"19.99\"."),
        _ => throw ProblemException.Invalid("price", "A price is needed, for example {\"price\": {\"amount\": \"19.99\", \"currency\": \"EUR\"}}."),
    };
}
