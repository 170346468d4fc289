using Inventory.Persistence;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Inventory.Features;

/// <summary>A product as callers see it.</summary>
public sealed record ProductResource(
    string Sku,
    string Name,
    Money Price,
    IReadOnlyList<SkuQuantity> Components,
    int? ReorderPoint,
    ProductStatus Status,
    int Version,
    DateTimeOffset AddedAt,
    DateTimeOffset ChangedAt,
    DateTimeOffset? DiscontinuedAt)
{
    public static ProductResource Of(Product p) => new(
        p.Sku, p.Name, p.Price, [.. p.Components.OrderBy(c => c.Position).Select(c => new SkuQuantity(c.ComponentSku, c.Quantity))],
        p.ReorderPoint, p.Status, p.Version, p.AddedAt, p.ChangedAt, p.DiscontinuedAt);
}
