using Inventory.Domain;
using V1 = Shop.Contracts.Inventory.V1;

namespace Inventory.Persistence;

/// <summary>This service's own terms in those of the contracts, and back.</summary>
internal static class StockTranslation
{
    public static IReadOnlyList<V1.SkuQuantity> ForOthers(this IEnumerable<SkuQuantity> lines) => [.. lines.Select(l => new V1.SkuQuantity(l.Sku, l.Quantity))];

    public static IReadOnlyList<V1.Shortage> ForOthers(this IEnumerable<Shortage> shortages) =>
        [.. shortages.Select(s => new V1.Shortage(s.Sku, s.Requested, s.Available))];

    public static IReadOnlyList<SkuQuantity> AsOurs(this IEnumerable<V1.SkuQuantity> lines) => [.. lines.Select(l => new SkuQuantity(l.Sku, l.Quantity))];

    public static ShipTo AsOurs(this V1.ShipTo a) => new(a.Name, a.Line1, a.City, a.PostalCode, a.Country, a.Line2);
}
