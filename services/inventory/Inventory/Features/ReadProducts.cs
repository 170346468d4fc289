using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Validator = Chassis.Web.Validator;

namespace Inventory.Features;

/// <summary>The catalogue, for everybody: what is sold, and its price. What is discontinued, recipes and reorder points are for operators.</summary>
internal static class ReadProducts
{
    private const int MaxSearch = 100;

    public static void Map(RouteGroupBuilder products)
    {
        products.MapGet("/", List)
            .AllowAnonymous()
            .WithName("ListProducts")
            .WithSummary("Lists products in sku order; active ones unless status says otherwise.");
        products.MapGet("/{sku}", Get).AllowAnonymous().WithName("ReadProduct").WithSummary("One product.");
    }

    /// <param name="search">Part of the name or the sku, in any case.</param>
    /// <param name="status"><c>active</c> (default); for operators also <c>discontinued</c> or <c>all</c>.</param>
    /// <param name="page">Which page.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="db">The database.</param>
    /// <param name="ct">Cancels.</param>
    private static async Task<Ok<Page<ProductView>>> List(
        [Text(MaxSearch)] string? search,
        [MaxLength(20)] string? status,
        [AsParameters] PageQuery page,
        Caller caller,
        InventoryDbContext db,
        CancellationToken ct)
    {
        var check = new Validator().Check(status is null or "active" or "discontinued" or "all", "status", "must be active, discontinued or all.");
        check.OptionalText("search", search, MaxSearch).ThrowIfInvalid();
        if (status is not (null or "active") && !caller.IsOperator)
        {
            throw ProblemException.Forbidden("Only operators see what is not sold any more.");
        }

        var products = db.Products.AsNoTracking();
        if (status != "all")
        {
            var wanted = status == "discontinued" ? ProductStatus.Discontinued : ProductStatus.Active;
            products = products.Where(p => p.Status == wanted);
        }

        if (!string.IsNullOrWhiteSpace(search))
        {
            var pattern = $"%{search.Trim().Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
            products = products.Where(p => EF.Functions.ILike(p.Name, pattern, "\\") || EF.Functions.ILike(p.Sku, pattern, "\\"));
        }

        if (!string.IsNullOrEmpty(page.Cursor))
        {
            var after = Cursor.Decode<string>(page.Cursor);
            check.Check(Skus.IsValid(after), "cursor", "is not a cursor of this list.").ThrowIfInvalid();
#pragma warning disable CA1309 // The database compares, by the collation of the column.
            products = products.Where(p => string.Compare(p.Sku, after) > 0);
#pragma warning restore CA1309
        }

        var rows = await products.OrderBy(p => p.Sku).Take(page.Size + 1).Include(p => p.Components).AsSplitQuery().ToListAsync(ct);
        return TypedResults.Ok(Page.Of([.. rows.Select(p => For(caller, p))], page, p => p.Sku));
    }

    private static async Task<ETagged<Ok<ProductView>>> Get(string sku, Caller caller, InventoryDbContext db, CancellationToken ct)
    {
        var product = await db.Products.AsNoTracking().Include(p => p.Components).SingleOrDefaultAsync(p => p.Sku == sku, ct)
            ?? throw Errors.NoSuchProduct(sku);
        return caller.IsOperator || product.Status == ProductStatus.Active
            ? TypedResults.Ok(For(caller, product)).WithETag(product.Version)
            : throw Errors.NoSuchProduct(sku);
    }

    private static ProductView For(Caller caller, Product product) =>
        caller.IsOperator ? ProductView.Of(product) : ProductView.ForEverybody(product);
}
