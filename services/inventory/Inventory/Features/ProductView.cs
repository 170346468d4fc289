using System.Text.Json.Serialization;
using Inventory.Domain;
using Inventory.Persistence;
using Shop.Contracts;

namespace Inventory.Features;

/// <summary>A product as callers see it.</summary>
/// <param name="Sku">The stock keeping unit.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Price">What it costs.</param>
/// <param name="Components">The recipe; for operators only.</param>
/// <param name="ReorderPoint">When it is to be ordered again; for operators only.</param>
/// <param name="Status">Whether it is sold.</param>
/// <param name="Version">The ETag.</param>
/// <param name="AddedAt">When it came into the catalogue.</param>
/// <param name="ChangedAt">When it was changed last.</param>
/// <param name="DiscontinuedAt">Since when it is not sold any more.</param>
internal sealed record ProductView(
    string Sku,
    string Name,
    Money Price,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<SkuQuantity>? Components,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? ReorderPoint,
    ProductStatus Status,
    int Version,
    DateTimeOffset AddedAt,
    DateTimeOffset ChangedAt,
    DateTimeOffset? DiscontinuedAt)
{
    /// <summary>What everybody may know: not what it is made of, and not how the stock is run.</summary>
    public static ProductView ForEverybody(Product p) => Of(p) with { Components = null, ReorderPoint = null };

    public static ProductView Of(Product p) => new(
        p.Sku, p.Name, p.Price, [.. p.Components.OrderBy(c => c.Position).Select(c => new SkuQuantity(c.ComponentSku, c.Quantity))],
        p.ReorderPoint, p.Status, p.Version, p.AddedAt, p.ChangedAt, p.DiscontinuedAt);
}
