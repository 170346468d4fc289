using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Validator = Chassis.Web.Validator;

namespace Inventory.Features;

/// <param name="Sku">1 to 64 letters, digits, dots, hyphens and underscores.</param>
/// <param name="Name">What customers call it.</param>
/// <param name="Price">More than zero.</param>
/// <param name="Components">The recipe: reserving the product reserves these. It cannot be changed later.</param>
/// <param name="ReorderPoint">At or below this number of available pieces the stock counts as low.</param>
public sealed record AddProductRequest(
    [property: RegularExpression(Skus.Shape, ErrorMessage = Skus.Rule)] string Sku,
    [property: Text(Limits.MaxName)] string Name,
    Money Price,
    [property: MaxLength(Limits.MaxComponents)] IReadOnlyList<ComponentRequest>? Components = null,
    [property: Range(0, Limits.MaxOnHand)] int? ReorderPoint = null);

/// <param name="Sku">Of a product that is there already.</param>
/// <param name="Quantity">Pieces of it in one of the product.</param>
public sealed record ComponentRequest(
    [property: RegularExpression(Skus.Shape, ErrorMessage = Skus.Rule)] string Sku, [property: Range(1, Limits.MaxQuantity)] int Quantity);

/// <summary>Adds one product.</summary>
public sealed class AddProduct(InventoryDbContext db, Catalogue catalogue)
{
    public async Task<Product> Handle(AddProductRequest request, CancellationToken ct)
    {
        var components = (request.Components ?? []).Select(c => c is null ? null! : new SkuQuantity(c.Sku, c.Quantity)).ToList();
        var check = new Validator();
        Validate(check, "", request.Sku, request.Name, request.Price, components, request.ReorderPoint);
        check.ThrowIfInvalid();

        await using var transaction = await db.BeginOrJoinAsync(ct);
        await catalogue.LockAsync(ct);
        if (await db.Products.AnyAsync(p => p.Sku == request.Sku, ct))
        {
            throw ProblemException.Conflict("sku_taken", $"There is a product {request.Sku} already.");
        }

        var (statuses, parts) = await ComponentsAsync(db, [.. components.Select(c => c.Sku)], ct);
        for (var i = 0; i < components.Count; i++)
        {
            check.Check(statuses.ContainsKey(components[i].Sku), $"components[{i}].sku", $"There is no product {components[i].Sku}.");
        }

        check.ThrowIfInvalid();
        if (components.FirstOrDefault(c => statuses[c.Sku] == ProductStatus.Discontinued) is { } gone)
        {
            throw Errors.Discontinued(gone.Sku);
        }

        var expanded = Recipes.Expand(request.Sku, components, sku => parts[sku], out var problem);
        if (problem is not null)
        {
            throw ProblemException.Invalid("components", problem);
        }

        var product = await catalogue.AddAsync(new ProductDraft(request.Sku, request.Name, request.Price, components, request.ReorderPoint), expanded, ct);
        await catalogue.SaveAsync(ct);
        await transaction.CommitAsync(ct);
        return product;
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapPost("/", Post)
            .RequireSystemOperator(InventoryPermissions.ChangeCatalogue)
            .WithIdempotencyKey()
            .WithName("AddProduct")
            .WithSummary("Adds a product.");

    /// <summary>The rules that a product can be checked for by itself.</summary>
    internal static void Validate(
        Validator check, string prefix, string sku, string name, Money price, IReadOnlyList<SkuQuantity> components, int? reorderPoint)
    {
        check.Check(Skus.IsValid(sku), prefix + "sku", Skus.Rule);
        check.Text(prefix + "name", name, Limits.MaxName);
        if (Prices.Problem(price) is { } problem)
        {
            check.Add(prefix + "price", problem);
        }

        check.Between(prefix + "reorderPoint", reorderPoint ?? 0, 0, Limits.MaxOnHand);
        check.Count(prefix + "components", components, 0, Limits.MaxComponents);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < components.Count; i++)
        {
            var field = $"{prefix}components[{i}]";
            if (components[i] is not { } component)
            {
                check.Add(field, "A component is an object with sku and quantity.");
                continue;
            }

            check.Check(Skus.IsValid(component.Sku), field + ".sku", Skus.Rule);
            check.Check(component.Sku != sku, field + ".sku", $"A recipe cycle: {sku} → {sku}.");
            check.Check(seen.Add(component.Sku), field + ".sku", "The component is listed twice; add the quantities up.");
            check.Positive(field + ".quantity", component.Quantity, Limits.MaxQuantity);
        }
    }

    /// <summary>Which of the products there are, and the parts of those.</summary>
    internal static async Task<(Dictionary<string, ProductStatus> Statuses, Dictionary<string, IReadOnlyList<SkuQuantity>> Parts)> ComponentsAsync(
        InventoryDbContext db, IReadOnlyCollection<string> skus, CancellationToken ct)
    {
        var statuses = await db.Products.Where(p => skus.Contains(p.Sku)).ToDictionaryAsync(p => p.Sku, p => p.Status, StringComparer.Ordinal, ct);
        var parts = await db.ProductParts.AsNoTracking().Where(p => skus.Contains(p.Sku)).ToListAsync(ct);
        return (statuses, parts.GroupBy(p => p.Sku).ToDictionary(
            g => g.Key, IReadOnlyList<SkuQuantity> (g) => [.. g.Select(p => new SkuQuantity(p.PartSku, p.Quantity))], StringComparer.Ordinal));
    }

    private static async Task<ETagged<Created<ProductView>>> Post(AddProductRequest request, AddProduct feature, CancellationToken ct)
    {
        var product = await feature.Handle(request, ct);
        return TypedResults.Created($"/v1/products/{product.Sku}", ProductView.Of(product)).WithETag(product.Version);
    }
}
