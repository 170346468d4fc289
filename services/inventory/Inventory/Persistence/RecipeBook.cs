using System.Collections.Concurrent;
using Inventory.Domain;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Persistence;

/// <summary>The parts of products. A recipe never changes once its product is there, so what was read once stays true.</summary>
public sealed class RecipeBook(InventoryDbContext db, RecipeBook.Cache cache)
{
    /// <summary>The parts of each of the products, in sku order; unknown products are missing from the answer.</summary>
    public async Task<IReadOnlyDictionary<string, IReadOnlyList<SkuQuantity>>> PartsOfAsync(IReadOnlyCollection<string> skus, CancellationToken ct)
    {
        var parts = new Dictionary<string, IReadOnlyList<SkuQuantity>>(StringComparer.Ordinal);
        List<string>? missing = null;
        foreach (var sku in skus)
        {
            if (cache.Known.TryGetValue(sku, out var known))
            {
                parts[sku] = known;
            }
            else
            {
                (missing ??= []).Add(sku);
            }
        }

        if (missing is not null)
        {
            var rows = await db.ProductParts.AsNoTracking().Where(p => missing.Contains(p.Sku)).OrderBy(p => p.PartSku).ToListAsync(ct);
            foreach (var product in rows.GroupBy(r => r.Sku))
            {
                parts[product.Key] = cache.Known[product.Key] = [.. product.Select(p => new SkuQuantity(p.PartSku, p.Quantity))];
            }
        }

        return parts;
    }

    /// <summary>One for the process. A product takes some hundred bytes, so a catalogue fits.</summary>
    public sealed class Cache
    {
        internal ConcurrentDictionary<string, IReadOnlyList<SkuQuantity>> Known { get; } = new(StringComparer.Ordinal);
    }
}
