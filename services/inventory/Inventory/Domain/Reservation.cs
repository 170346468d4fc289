namespace Inventory.Domain;

public enum ReservationStatus
{
    /// <summary>Set aside; expires when nobody claims it.</summary>
    Reserved,

    /// <summary>Claimed by a shipment that waits for dispatch.</summary>
    Shipping,
    Shipped,
    Released,
    Failed,
}

/// <summary>What is, was or could not be set aside for one order.</summary>
public sealed class Reservation : ITenantRow
{
    private Reservation()
    {
    }

    public Guid OrderId { get; private init; }

    public string? TenantId { get; private init; }

    public ReservationStatus Status { get; private set; }

    /// <summary>What was ordered.</summary>
    public IReadOnlyList<SkuQuantity> Items { get; private init; } = [];

    /// <summary>The parts that are, or were, set aside for it, in sku order.</summary>
    public IReadOnlyList<SkuQuantity> Lines { get; private init; } = [];

    public IReadOnlyList<Shortage>? Shortages { get; private init; }

    /// <summary>Why it failed or was released.</summary>
    public string? Reason { get; private set; }

    public bool HasRecipes { get; private init; }

    public int Version { get; private set; } = 1;

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset? ReservedAt { get; private init; }

    public DateTimeOffset? ExpiresAt { get; private set; }

    public DateTimeOffset? EndedAt { get; private set; }

    /// <summary>Whether its pieces lie in the warehouse for it.</summary>
    public bool IsHeld => Status is ReservationStatus.Reserved or ReservationStatus.Shipping;

    public static Reservation Made(ReservationPlan plan, DateTimeOffset now, DateTimeOffset expiresAt) => new()
    {
        OrderId = plan.OrderId,
        TenantId = plan.TenantId,
        Status = ReservationStatus.Reserved,
        Items = plan.Items,
        Lines = plan.Lines,
        HasRecipes = plan.HasRecipes,
        CreatedAt = now,
        ReservedAt = now,
        ExpiresAt = expiresAt,
    };

    public static Reservation Refused(ReservationPlan plan, string reason, IReadOnlyList<Shortage> shortages, DateTimeOffset now) => new()
    {
        OrderId = plan.OrderId,
        TenantId = plan.TenantId,
        Status = ReservationStatus.Failed,
        Items = plan.Items,
        Shortages = shortages,
        Reason = reason,
        HasRecipes = plan.HasRecipes,
        CreatedAt = now,
        EndedAt = now,
    };

    /// <summary>A shipment claims the pieces and waits for its dispatch.</summary>
    public void Claim()
    {
        Status = ReservationStatus.Shipping;
        ExpiresAt = null;
        Version++;
    }

    /// <summary>The pieces have left.</summary>
    public void Ship(DateTimeOffset now)
    {
        Status = ReservationStatus.Shipped;
        ExpiresAt = null;
        EndedAt = now;
        Version++;
    }

    /// <summary>The pieces are given back.</summary>
    public void Release(string reason, DateTimeOffset now)
    {
        Status = ReservationStatus.Released;
        Reason = reason;
        ExpiresAt = null;
        EndedAt = now;
        Version++;
    }
}

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
