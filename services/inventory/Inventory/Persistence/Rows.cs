using Chassis.Web;
using Inventory.Domain;
using Shop.Contracts;

namespace Inventory.Persistence;

public enum ProductStatus
{
    Active,
    Discontinued,
}

public sealed class Product
{
    public required string Sku { get; init; }
    public required string Name { get; init; }
    public required decimal PriceAmount { get; set; }
    public required string PriceCurrency { get; set; }
    public int? ReorderPoint { get; init; }

    /// <summary>Has a recipe: nothing of it lies on a shelf, its parts do.</summary>
    public required bool IsComposite { get; init; }

    public ProductStatus Status { get; set; }
    public int Version { get; set; } = 1;
    public required DateTimeOffset AddedAt { get; init; }
    public required DateTimeOffset ChangedAt { get; set; }
    public DateTimeOffset? DiscontinuedAt { get; set; }
    public IList<ProductComponent> Components { get; init; } = [];

    public Money Price => Prices.Normalize(new Money(PriceAmount, PriceCurrency));
}

public sealed class ProductComponent
{
    public required string Sku { get; init; }
    public required string ComponentSku { get; init; }
    public required int Quantity { get; init; }
    public required int Position { get; init; }
}

public sealed class ProductPart
{
    public required string Sku { get; init; }
    public required string PartSku { get; init; }
    public required int Quantity { get; init; }
}

internal static class TenantRows
{
    /// <summary>The rows of the caller's tenant; to whoever has none, all.</summary>
    public static IQueryable<T> VisibleTo<T>(this IQueryable<T> rows, Caller caller)
        where T : class, ITenantRow => caller.TenantId is { } tenant ? rows.Where(r => r.TenantId == tenant) : rows;
}

public sealed class ProductChange
{
    public required string Sku { get; init; }
    public required int Version { get; init; }
    public required Guid EventId { get; init; }
    public required string EventType { get; init; }
    public required string Payload { get; init; }
    public required DateTimeOffset OccurredAt { get; init; }
    public string? CorrelationId { get; init; }

    /// <summary>Tenant of whoever, or of whose order, caused it; null of what is older than this column.</summary>
    public string? TenantId { get; init; }

    public string? UserId { get; init; }
}

/// <summary>Read through Entity Framework, written by <see cref="StockLedger"/> alone.</summary>
public sealed class StockLevel
{
    public required string Sku { get; init; }
    public long Received { get; init; }
    public long Adjusted { get; init; }
    public int OnHand { get; init; }
    public int Reserved { get; init; }
    public long Shipped { get; init; }
    public int? ReorderPoint { get; init; }
    public int Version { get; init; }
}

public enum MovementKind
{
    Receipt,
    Adjustment,
    Reservation,
    Release,
    Shipment,
}

/// <summary>Read through Entity Framework, written by <see cref="StockLedger"/> alone.</summary>
public sealed class Movement
{
    public required string Sku { get; init; }
    public required int Version { get; init; }
    public required MovementKind Kind { get; init; }
    public required int Quantity { get; init; }
    public required int OnHandChange { get; init; }
    public required int ReservedChange { get; init; }
    public required int ShippedChange { get; init; }
    public required int OnHand { get; init; }
    public required int Reserved { get; init; }
    public required long Shipped { get; init; }
    public Guid? OrderId { get; init; }
    public string? Reference { get; init; }
    public required DateTimeOffset OccurredAt { get; init; }
    public string? CorrelationId { get; init; }

    /// <summary>Tenant of whoever, or of whose order, caused it; null of what is older than this column.</summary>
    public string? TenantId { get; init; }

    public string? UserId { get; init; }
}

/// <summary>A customer who asked to be forgotten.</summary>
public sealed class ErasedUser
{
    public required Guid UserId { get; init; }
    public required DateTimeOffset ErasedAt { get; init; }
}
