namespace Orders.Domain;

public enum OrderStatus
{
    Draft,
    Submitted,
    Confirmed,
    Shipped,
    Completed,
    Cancelled,
    Failed,
}

/// <summary>What the catalogue says of a product at the moment of a command.</summary>
public sealed record Product(string Sku, string Name, Money UnitPrice);

/// <param name="Sku">Stock keeping unit; one line per sku.</param>
/// <param name="Name">The product's name when the line was priced.</param>
/// <param name="Quantity">Pieces, 1 to 10,000.</param>
/// <param name="UnitPrice">Price of one piece when the line was priced.</param>
public sealed record OrderLine(string Sku, string Name, int Quantity, Money UnitPrice)
{
    public Money Sum() => UnitPrice.Times(Quantity);
}

/// <summary>Where the parcel goes. Personal data: it is stored encrypted under a key of the customer's own.</summary>
/// <param name="Name">The recipient.</param>
/// <param name="Line1">Street and number.</param>
/// <param name="Line2">Anything more.</param>
/// <param name="City">Town.</param>
/// <param name="PostalCode">Post code.</param>
/// <param name="Country">ISO 3166-1 alpha-2 code.</param>
public sealed record Address(string Name, string Line1, string? Line2, string City, string PostalCode, string Country);

public sealed record Shipment(Guid ShipmentId, string Carrier, string TrackingNumber);

/// <summary>An order as its events have made it.</summary>
public sealed record OrderState
{
    public required Guid Id { get; init; }

    public required Guid UserId { get; init; }

    public required string Currency { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public OrderStatus Status { get; init; } = OrderStatus.Draft;

    /// <summary>In the order in which they were added.</summary>
    public IReadOnlyList<OrderLine> Lines { get; init; } = [];

    public string? PaymentMethod { get; init; }

    /// <summary>Null before the order is submitted, and again once the customer was erased.</summary>
    public Address? ShippingAddress { get; init; }

    public Shipment? Shipment { get; init; }

    /// <summary>Stands where a reason was that somebody gave in their own words.</summary>
    public const string ErasedReason = "erased";

    /// <summary>The customer's wish to cancel, until the compensation is through.</summary>
    public string? CancellationReason { get; init; }

    /// <summary>Why it was cancelled or failed.</summary>
    public string? Reason { get; init; }

    public Money? Refunded { get; init; }

    public DateTimeOffset? SubmittedAt { get; init; }

    public DateTimeOffset? ConfirmedAt { get; init; }

    public DateTimeOffset? ShippedAt { get; init; }

    public DateTimeOffset? CompletedAt { get; init; }

    public DateTimeOffset? CancelledAt { get; init; }

    public DateTimeOffset? FailedAt { get; init; }

    public Money Total => Lines.Aggregate(Money.Zero(Currency), (sum, line) => sum.Plus(line.Sum()));

    /// <summary>Nothing will happen to it any more.</summary>
    public bool IsTerminal => Status is OrderStatus.Completed or OrderStatus.Cancelled or OrderStatus.Failed;
}
