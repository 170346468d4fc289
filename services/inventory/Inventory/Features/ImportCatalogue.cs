using System.ComponentModel.DataAnnotations;
using Chassis.Data;
using Chassis.Web;
using Contracts.Events;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;
using Validator = Chassis.Web.Validator;

namespace Inventory.Features;

/// <summary>
/// A catalogue, described in <c>docs/how-to/import-a-catalogue.md</c>. Products may be in any order, also those that are made of one another.
/// </summary>
internal sealed record ImportCatalogueRequest([property: Length(1, Limits.MaxImportRows)] IReadOnlyList<ImportRow> Products);

/// <summary>
/// One product. Everything may be missing here, so that the answer can say for each row what it lacks. <c>initialStock</c> is booked as a receipt
/// when the row adds the product, and only then.
/// </summary>
internal sealed record ImportRow(
    [property: RegularExpression(Skus.Shape, ErrorMessage = Skus.Rule)] string? Sku = null,
    [property: Text(Limits.MaxName)] string? Name = null,
    ImportPrice? Price = null,
    [property: MaxLength(Limits.MaxComponents)] IReadOnlyList<ImportComponent>? Components = null,
    [property: Range(0, Limits.MaxOnHand)] int? ReorderPoint = null,
    [property: Range(0, Limits.MaxQuantity)] int? InitialStock = null);

internal sealed record ImportPrice(
    [property: RegularExpression(Prices.Shape)] string? Amount = null, [property: RegularExpression(Prices.CurrencyShape)] string? Currency = null);

internal sealed record ImportComponent(
    [property: RegularExpression(Skus.Shape, ErrorMessage = Skus.Rule)] string? Sku = null, [property: Range(1, Limits.MaxQuantity)] int? Quantity = null);

internal enum ImportOutcome
{
    Added,
    PriceChanged,
    Unchanged,
}

internal sealed record ImportResult(int Added, int PriceChanged, int Unchanged, IReadOnlyList<ImportedRow> Rows);

internal sealed record ImportedRow(string Sku, ImportOutcome Outcome);

/// <summary>
/// Loads a catalogue: all of it or nothing. Loading it again changes nothing; of a product that is there only the price may be another one.
/// </summary>
internal sealed class ImportCatalogue(InventoryDbContext db, Catalogue catalogue, ReceiveStock receipts)
{
    private const long MaxBodyBytes = 4 * 1024 * 1024;
    private const string Reference = "catalogue import";

    public async Task<ImportResult> Handle(ImportCatalogueRequest request, CancellationToken ct)
    {
        var check = new Validator();
        check.Count("products", request.Products, 1, Limits.MaxImportRows).ThrowIfInvalid();
        var drafts = Drafts(request.Products, check);
        check.ThrowIfInvalid();

        await using var transaction = await db.BeginOrJoinAsync(ct);
        await catalogue.LockAsync(ct);
        var known = await KnownAsync(drafts, ct);
        var parts = await ExpandAsync(drafts, known, check, ct);
        check.ThrowIfInvalid();

        var outcomes = new List<ImportedRow>(drafts.Count);
        foreach (var draft in drafts)
        {
            outcomes.Add(new ImportedRow(draft.Sku, await LoadAsync(draft, known.GetValueOrDefault(draft.Sku), parts, ct)));
        }

        await catalogue.SaveAsync(ct);
        for (var i = 0; i < drafts.Count; i++)
        {
            if (outcomes[i].Outcome == ImportOutcome.Added && request.Products[i].InitialStock is > 0 and var pieces)
            {
                await receipts.BookAsync(drafts[i].Sku, pieces, Reference, ct);
            }
        }

        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return new ImportResult(
            outcomes.Count(o => o.Outcome == ImportOutcome.Added),
            outcomes.Count(o => o.Outcome == ImportOutcome.PriceChanged),
            outcomes.Count(o => o.Outcome == ImportOutcome.Unchanged),
            outcomes);
    }

    public static RouteHandlerBuilder Map(RouteGroupBuilder products) =>
        products.MapPost("/import", Post).RequireSystemOperator(
            InventoryPermissions.ChangeCatalogue).WithIdempotencyKey().WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(
            MaxBodyBytes))
            .WithName("ImportCatalogue").WithSummary("Loads a catalogue, all of it or nothing.");

    private static async Task<Ok<ImportResult>> Post(ImportCatalogueRequest request, ImportCatalogue feature, CancellationToken ct) =>
        TypedResults.Ok(await feature.Handle(request, ct));

    private static string Row(int index) => $"products[{index}].";

    /// <summary>The rows as drafts, checked one by one; meaningless unless <paramref name="check"/> is content.</summary>
    private static List<ProductDraft> Drafts(IReadOnlyList<ImportRow> rows, Validator check)
    {
        var drafts = new List<ProductDraft>(rows.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < rows.Count; i++)
        {
            if (rows[i] is not { } row)
            {
                check.Add($"products[{i}]", "A product is an object.");
                continue;
            }

            var price = Price(row.Price, i, check);
            var components = (row.Components ?? []).Select(c => new SkuQuantity(c?.Sku ?? "", c?.Quantity ?? 0)).ToList();
            AddProduct.Validate(check, Row(i), row.Sku ?? "", row.Name ?? "", price, components, row.ReorderPoint);
            check.Check(row.Sku is null || seen.Add(row.Sku), Row(i) + "sku", $"The catalogue has {row.Sku} twice.");
            check.Between(Row(i) + "initialStock", row.InitialStock ?? 0, 0, Limits.MaxQuantity);
            check.Check(
                components.Count == 0 || row.InitialStock is null or 0,
                Row(i) + "initialStock",
                "Stock is kept for the components, not for what is made of them.");
            drafts.Add(new ProductDraft(row.Sku ?? "", row.Name ?? "", price, components, row.ReorderPoint));
        }

        return drafts;
    }

    private static Money Price(ImportPrice? price, int row, Validator check)
    {
        if (DecimalStringConverter.TryParse(price?.Amount, out var amount))
        {
            return new Money(amount, price!.Currency ?? "");
        }

        check.Add(Row(row) + "price.amount", "A decimal number is expected as a string, for example \"19.99\".");
        return Prices.Placeholder;
    }

    /// <summary>What is there already of the products and components that the catalogue names.</summary>
    private Task<Dictionary<string, Product>> KnownAsync(List<ProductDraft> drafts, CancellationToken ct)
    {
        var skus = drafts.Select(d => d.Sku).Concat(drafts.SelectMany(d => d.Components, (_, c) => c.Sku)).Distinct(StringComparer.Ordinal).ToArray();
        return db.Products.Where(p => skus.Contains(p.Sku)).Include(p => p.Components).AsSplitQuery().ToDictionaryAsync(p => p.Sku, StringComparer.Ordinal, ct);
    }

    /// <summary>
    /// The parts of every product of the catalogue that can be expanded; what stands in the way of the others goes to <paramref name="check"/>.
    /// </summary>
    private async Task<Dictionary<string, IReadOnlyList<SkuQuantity>>> ExpandAsync(
        List<ProductDraft> drafts, Dictionary<string, Product> known, Validator check, CancellationToken ct)
    {
        var rows = drafts.Select((draft, index) => (draft, index)).ToDictionary(r => r.draft.Sku, r => r.index, StringComparer.Ordinal);
        var (_, parts) = await AddProduct.ComponentsAsync(db, known.Keys, ct);
        var order = Recipes.TopologicalOrder(
            drafts.ToDictionary(d => d.Sku, IReadOnlyList<string> (d) => [.. d.Components.Select(c => c.Sku)], StringComparer.Ordinal), out var cycles);
        foreach (var (sku, way) in cycles)
        {
            check.Add(Row(rows[sku]) + "components", $"A recipe cycle: {way}.");
        }

        foreach (var sku in order.Where(s => !known.ContainsKey(s) && !cycles.ContainsKey(s)))
        {
            var draft = drafts[rows[sku]];
            var complete = true;
            for (var i = 0; i < draft.Components.Count; i++)
            {
                var component = draft.Components[i].Sku;
                var field = $"{Row(rows[sku])}components[{i}].sku";
                check.Check(
                    known.ContainsKey(component) || rows.ContainsKey(component), field, $"There is no product {component}, neither here nor in the catalogue.");
                check.Check(known.GetValueOrDefault(component)?.Status != ProductStatus.Discontinued, field, $"The product {component} is discontinued.");
                complete &= parts.ContainsKey(component);
            }

            if (!complete)
            {
                continue;
            }

            parts[sku] = Recipes.Expand(sku, draft.Components, s => parts[s], out var problem);
            if (problem is not null)
            {
                check.Add(Row(rows[sku]) + "components", problem);
            }
        }

        for (var i = 0; i < drafts.Count; i++)
        {
            if (known.GetValueOrDefault(drafts[i].Sku) is { } product)
            {
                CheckSame(product, drafts[i], i, check);
            }
        }

        return parts;
    }

    private static void CheckSame(Product product, ProductDraft draft, int row, Validator check)
    {
        const string fixedNow = "differs from the product that is there already; only its price can change.";
        var recipe = product.Components.Select(c => (c.ComponentSku, c.Quantity)).ToHashSet();
        check.Check(product.Status == ProductStatus.Active, Row(row) + "sku", $"The product {product.Sku} is discontinued.");
        check.Check(product.Name == draft.Name, Row(row) + "name", fixedNow);
        check.Check(product.ReorderPoint == draft.ReorderPoint, Row(row) + "reorderPoint", fixedNow);
        check.Check(recipe.SetEquals(draft.Components.Select(c => (c.Sku, c.Quantity))), Row(row) + "components", fixedNow);
    }

    private async Task<ImportOutcome> LoadAsync(
        ProductDraft draft, Product? product, Dictionary<string, IReadOnlyList<SkuQuantity>> parts, CancellationToken ct)
    {
        if (product is null)
        {
            await catalogue.AddAsync(draft, parts[draft.Sku], ct);
            return ImportOutcome.Added;
        }

        return await catalogue.ChangePriceAsync(product, draft.Price, ct) ? ImportOutcome.PriceChanged : ImportOutcome.Unchanged;
    }
}
