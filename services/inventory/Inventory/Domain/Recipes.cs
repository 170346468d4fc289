
namespace Inventory.Domain;

/// <summary>
/// Recipes: a product may be made of components, and those of others. Pieces lie on a shelf only for products without recipe;
/// whoever reserves or ships a product moves the parts at the leaves of its recipe.
/// </summary>
public static class Recipes
{
    /// <summary>The leaves of a recipe with their total quantities, in sku order.</summary>
    /// <param name="sku">The product. Without components it is its own part.</param>
    /// <param name="components">Its recipe.</param>
    /// <param name="partsOf">The parts of each component, already expanded.</param>
    /// <param name="problem">Why there is no such expansion, or null.</param>
    public static IReadOnlyList<SkuQuantity> Expand(
        string sku,
        IReadOnlyList<SkuQuantity> components,
        Func<string, IReadOnlyList<SkuQuantity>> partsOf,
        out string? problem)
    {
        problem = null;
        if (components.Count == 0)
        {
            return [new SkuQuantity(sku, 1)];
        }

        var total = Sum(components.SelectMany(c => partsOf(c.Sku), (c, part) => (part.Sku, (long)c.Quantity * part.Quantity)));
        if (total.Count > Limits.MaxParts)
        {
            problem = $"The recipe expands to {total.Count} parts; {Limits.MaxParts} are allowed.";
        }
        else if (total.FirstOrDefault(p => p.Quantity > Limits.MaxQuantity) is { Sku: not null } part)
        {
            problem = $"The recipe needs {part.Quantity} pieces of {part.Sku}; {Limits.MaxQuantity} are allowed.";
        }

        return problem is null ? [.. total.Select(p => new SkuQuantity(p.Sku, (int)p.Quantity))] : [];
    }

    /// <summary>Quantities of the same sku added up, in sku order. The sum may be beyond what an order can ask for.</summary>
    public static IReadOnlyList<(string Sku, long Quantity)> Sum(IEnumerable<(string Sku, long Quantity)> lines) =>
    [
        .. lines.GroupBy(l => l.Sku, l => l.Quantity)
            .Select(g => (g.Key, g.Aggregate(0L, AddSaturated)))
            .OrderBy(l => l.Key, StringComparer.Ordinal),
    ];

    /// <summary>
    /// The rows of a catalogue so that every component comes before what is made of it. Components outside the catalogue are somebody else's to check.
    /// </summary>
    /// <param name="rows">Recipes by sku.</param>
    /// <param name="cycles">For each sku that is, by way of its recipe, made of itself: the way round, for example <c>A → B → A</c>.</param>
    public static IReadOnlyList<string> TopologicalOrder(
        IReadOnlyDictionary<string, IReadOnlyList<string>> rows, out IReadOnlyDictionary<string, string> cycles)
    {
        var done = new List<string>(rows.Count);
        var state = new Dictionary<string, bool>(StringComparer.Ordinal); // false: on the way, true: finished
        var found = new Dictionary<string, string>(StringComparer.Ordinal);

        foreach (var start in rows.Keys)
        {
            Visit(start);
        }

        cycles = found;
        return done;

        // An explicit stack: a long chain of recipes must not overflow the thread's.
        void Visit(string start)
        {
            if (state.ContainsKey(start))
            {
                return;
            }

            var way = new List<(string Sku, int Next)> { (start, 0) };
            state[start] = false;
            while (way.Count > 0)
            {
                var (sku, next) = way[^1];
                if (next == rows[sku].Count)
                {
                    state[sku] = true;
                    done.Add(sku);
                    way.RemoveAt(way.Count - 1);
                    continue;
                }

                way[^1] = (sku, next + 1);
                var component = rows[sku][next];
                if (!rows.ContainsKey(component))
                {
                    continue;
                }

                if (!state.TryGetValue(component, out var finished))
                {
                    state[component] = false;
                    way.Add((component, 0));
                }
                else if (!finished)
                {
                    var round = way.Select(w => w.Sku).SkipWhile(s => s != component).ToList();
                    for (var i = 0; i < round.Count; i++)
                    {
                        found.TryAdd(round[i], string.Join(" → ", round.Skip(i).Concat(round.Take(i)).Append(round[i])));
                    }
                }
            }
        }
    }

    private static long AddSaturated(long a, long b) => a > long.MaxValue - b ? long.MaxValue : a + b;
}
