namespace Inventory.Domain;

/// <summary>What to take from the shelves for an order, or why that cannot be said.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="TenantId">Whose it is.</param>
/// <param name="Items">What was ordered; nothing when that makes no sense.</param>
/// <param name="Lines">The parts of it, in sku order.</param>
/// <param name="HasRecipes">Whether any item is made of others.</param>
/// <param name="Problem">Why there is no such plan, or null.</param>
public sealed record ReservationPlan(
    Guid OrderId, string? TenantId, IReadOnlyList<SkuQuantity> Items, IReadOnlyList<SkuQuantity> Lines, bool HasRecipes, string? Problem)
{
    /// <param name="orderId">The order.</param>
    /// <param name="tenantId">Whose it is.</param>
    /// <param name="items">What was ordered.</param>
    /// <param name="parts">The parts of every product that there is among them.</param>
    public static ReservationPlan Of(
        Guid orderId, string? tenantId, IReadOnlyList<SkuQuantity> items, IReadOnlyDictionary<string, IReadOnlyList<SkuQuantity>> parts)
    {
        if (items.Count == 0)
        {
            return Impossible("The order has no items.");
        }

        if (items.FirstOrDefault(i => i.Quantity is < 1 or > Limits.MaxQuantity) is { } wrong)
        {
            return Impossible($"The quantity {wrong.Quantity} of {wrong.Sku} is not between 1 and {Limits.MaxQuantity}.");
        }

        if (items.FirstOrDefault(i => !parts.ContainsKey(i.Sku)) is { } unknown)
        {
            return Impossible($"There is no product {unknown.Sku}.");
        }

        var total = Recipes.Sum(items.SelectMany(i => parts[i.Sku], (i, part) => (part.Sku, (long)i.Quantity * part.Quantity)));
        if (total.FirstOrDefault(t => t.Quantity > Limits.MaxOnHand) is { Sku: not null } absurd)
        {
            return Impossible($"The order needs {absurd.Quantity} pieces of {absurd.Sku}.");
        }

        var hasRecipes = items.Any(i => parts[i.Sku] is not [var only] || only.Sku != i.Sku);
        return new ReservationPlan(orderId, tenantId, items, [.. total.Select(t => new SkuQuantity(t.Sku, (int)t.Quantity))], hasRecipes, null);

        ReservationPlan Impossible(string problem) => new(orderId, tenantId, [], [], false, problem);
    }

    /// <summary>All of it or nothing, on the figures as the orders before it left them.</summary>
    /// <param name="stock">The figures of every part.</param>
    /// <param name="now">The time.</param>
    /// <param name="expireAfter">How long the pieces are set aside when nobody claims them.</param>
    /// <returns>The reservation, and of each of its lines the figures afterwards; none when it failed.</returns>
    public (Reservation Reservation, IReadOnlyList<StockFigures> After) Decide(
        IReadOnlyDictionary<string, StockFigures> stock, DateTimeOffset now, TimeSpan expireAfter)
    {
        Shortage[] shortages =
        [
            .. Lines.Where(l => stock[l.Sku].Available < l.Quantity).Select(l => new Shortage(l.Sku, l.Quantity, stock[l.Sku].Available)),
        ];
        return (Problem ?? (shortages.Length > 0 ? Describe(shortages) : null)) is { } problem
            ? (Reservation.Refused(this, problem, shortages, now), [])
            : (Reservation.Made(this, now, now + expireAfter), [.. Lines.Select(l => stock[l.Sku].SetAside(l.Quantity))]);
    }

    private static string Describe(Shortage[] shortages)
    {
        const int shown = 5;
        var text = string.Join(", ", shortages.Take(shown).Select(s => $"{s.Sku} ({s.Requested} wanted, {s.Available} available)"));
        return shortages.Length > shown ? $"{text} and {shortages.Length - shown} more" : text;
    }
}
