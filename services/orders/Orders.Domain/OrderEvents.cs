namespace Orders.Domain;

/// <summary>Something that happened to an order. The events of an order are its only truth.</summary>
public abstract record OrderEvent(Guid OrderId, DateTimeOffset At);

public sealed record OrderDrafted(Guid OrderId, Guid UserId, string Currency, DateTimeOffset At) : OrderEvent(OrderId, At);

/// <summary>More of a product is wanted; a line with the same sku grows and takes the newest price and name.</summary>
public sealed record ItemAdded(Guid OrderId, string Sku, string Name, int Quantity, Money UnitPrice, DateTimeOffset At) : OrderEvent(OrderId, At);

public sealed record ItemRemoved(Guid OrderId, string Sku, DateTimeOffset At) : OrderEvent(OrderId, At);

/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Lines">What was sold, at the prices of the moment of submission.</param>
/// <param name="Total">Sum over the lines.</param>
/// <param name="PaymentMethod">The payment provider's handle of the customer's means of payment.</param>
/// <param name="ShippingAddress">Null when read after the customer was erased.</param>
/// <param name="At">When.</param>
public sealed record OrderSubmitted(
    Guid OrderId,
    Guid UserId,
    IReadOnlyList<OrderLine> Lines,
    Money Total,
    string PaymentMethod,
    Address? ShippingAddress,
    DateTimeOffset At) : OrderEvent(OrderId, At);

/// <summary>The customer wants out; what was done so far is being undone.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Reason">In the words of whoever asked for it; null when read after the customer was erased.</param>
/// <param name="At">When.</param>
public sealed record OrderCancellationRequested(Guid OrderId, string? Reason, DateTimeOffset At) : OrderEvent(OrderId, At);

public sealed record OrderConfirmed(Guid OrderId, Guid UserId, IReadOnlyList<OrderLine> Lines, Money Total, DateTimeOffset At) : OrderEvent(OrderId, At);

public sealed record OrderShipped(Guid OrderId, Guid UserId, Shipment Shipment, DateTimeOffset At) : OrderEvent(OrderId, At);

public sealed record OrderCompleted(Guid OrderId, Guid UserId, IReadOnlyList<OrderLine> Lines, Money Total, DateTimeOffset At) : OrderEvent(OrderId, At);

/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Reason">In the words of whoever asked for it; null when read after the customer was erased.</param>
/// <param name="Refunded">What went back to the customer.</param>
/// <param name="At">When.</param>
public sealed record OrderCancelled(Guid OrderId, Guid UserId, string? Reason, Money? Refunded, DateTimeOffset At) : OrderEvent(OrderId, At);

public sealed record OrderFailed(Guid OrderId, Guid UserId, string Reason, Money? Refunded, DateTimeOffset At) : OrderEvent(OrderId, At);
