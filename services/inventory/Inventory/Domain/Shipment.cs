namespace Inventory.Domain;

public enum ShipmentStatus
{
    Pending,
    Dispatched,
    Cancelled,
}

/// <summary>A postal address.</summary>
/// <param name="Name">Recipient.</param>
/// <param name="Line1">Street and number.</param>
/// <param name="City">City.</param>
/// <param name="PostalCode">Postal code.</param>
/// <param name="Country">ISO 3166-1 alpha-2 code.</param>
/// <param name="Line2">Anything further.</param>
public sealed record ShipTo(string Name, string Line1, string City, string PostalCode, string Country, string? Line2 = null);

/// <summary>The parcel of one order.</summary>
public sealed class Shipment : ITenantRow
{
    private Shipment()
    {
    }

    public Guid Id { get; private init; }

    public Guid OrderId { get; private init; }

    public string? TenantId { get; private init; }

    /// <summary>The customer, when known.</summary>
    public Guid? UserId { get; private init; }

    public ShipmentStatus Status { get; private set; }

    /// <summary>What was ordered.</summary>
    public IReadOnlyList<SkuQuantity> Items { get; private init; } = [];

    /// <summary>The parts to take from the shelves.</summary>
    public IReadOnlyList<SkuQuantity> PickList { get; private init; } = [];

    /// <summary>Null when the customer was erased, or the shipment cancelled.</summary>
    public ShipTo? Address { get; private set; }

    public string? Carrier { get; private set; }

    public string? TrackingNumber { get; private set; }

    public int Version { get; private set; } = 1;

    public DateTimeOffset CreatedAt { get; private init; }

    public DateTimeOffset? DispatchedAt { get; private set; }

    public DateTimeOffset? CancelledAt { get; private set; }

    /// <summary>What is set aside for an order is to leave.</summary>
    public static Shipment Of(Reservation reservation, Guid id, Guid? userId, ShipTo address, DateTimeOffset now) => new()
    {
        Id = id,
        OrderId = reservation.OrderId,
        TenantId = reservation.TenantId,
        UserId = userId,
        Items = reservation.Items,
        PickList = reservation.Lines,
        Address = address,
        CreatedAt = now,
    };

    /// <summary>The parcel leaves. It keeps its address, unless its customer was erased meanwhile.</summary>
    public void Dispatch(string carrier, string trackingNumber, bool isErased, DateTimeOffset now)
    {
        Status = ShipmentStatus.Dispatched;
        Carrier = carrier;
        TrackingNumber = trackingNumber;
        DispatchedAt = now;
        Address = isErased ? null : Address;
        Version++;
    }

    /// <summary>The parcel will not be packed.</summary>
    public void Cancel(DateTimeOffset now)
    {
        Status = ShipmentStatus.Cancelled;
        CancelledAt = now;
        Address = null;
        Version++;
    }
}
