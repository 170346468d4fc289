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
