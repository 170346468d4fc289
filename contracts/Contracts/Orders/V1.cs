using System.Text.Json.Serialization;

namespace Shop.Contracts.Orders.V1;

/// <summary>An order was placed. Amounts are in the order's currency, which this version does not say: use version 2.</summary>
[BoundaryEvent("shop.order.submitted.v1", nameof(OrderId), Deprecated = true)]
public sealed record OrderSubmitted(
    Guid OrderId,
    Guid UserId,
    IReadOnlyList<SubmittedLine> Items,
    [property: JsonConverter(typeof(DecimalStringConverter))] decimal Total,
    DateTimeOffset SubmittedAt);

public sealed record SubmittedLine(string Sku, int Quantity, [property: JsonConverter(typeof(DecimalStringConverter))] decimal UnitPrice);

/// <summary>Stock is reserved and the payment authorized: the order will be shipped.</summary>
[BoundaryEvent("shop.order.confirmed.v1", nameof(OrderId))]
public sealed record OrderConfirmed(Guid OrderId, Guid UserId, IReadOnlyList<OrderLine> Items, Money Total, DateTimeOffset ConfirmedAt);

/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Name">The product's name when the order was placed.</param>
/// <param name="Quantity">Pieces.</param>
/// <param name="UnitPrice">Price of one piece when the order was placed.</param>
public sealed record OrderLine(string Sku, string Name, int Quantity, Money UnitPrice);

[BoundaryEvent("shop.order.shipped.v1", nameof(OrderId))]
public sealed record OrderShipped(Guid OrderId, Guid UserId, Guid ShipmentId, string Carrier, string TrackingNumber, DateTimeOffset ShippedAt);

/// <summary>Shipped and paid: nothing further will happen to this order.</summary>
[BoundaryEvent("shop.order.completed.v1", nameof(OrderId))]
public sealed record OrderCompleted(Guid OrderId, Guid UserId, Money Total, DateTimeOffset CompletedAt);

/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Reason">What the canceller gave as the reason.</param>
/// <param name="CancelledAt">When every step of the compensation was acknowledged.</param>
/// <param name="Refunded">What goes back to the customer, if anything had been charged.</param>
[BoundaryEvent("shop.order.cancelled.v1", nameof(OrderId))]
public sealed record OrderCancelled(Guid OrderId, Guid UserId, string Reason, DateTimeOffset CancelledAt, Money? Refunded = null);

/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Reason">Starts with <c>out_of_stock:</c>, <c>payment_declined:</c> or <c>timed_out:</c>.</param>
/// <param name="FailedAt">When every step of the compensation was acknowledged.</param>
/// <param name="Refunded">What goes back to the customer, if anything had been charged.</param>
[BoundaryEvent("shop.order.failed.v1", nameof(OrderId))]
public sealed record OrderFailed(Guid OrderId, Guid UserId, string Reason, DateTimeOffset FailedAt, Money? Refunded = null);

/// <summary>A payment reached a new state at the payment provider.</summary>
[BoundaryEvent("shop.payment.processed.v1", nameof(PaymentId))]
public sealed record PaymentProcessed(
    Guid PaymentId,
    Guid OrderId,
    Guid UserId,
    PaymentStatus Status,
    Money Amount,
    DateTimeOffset ProcessedAt,
    string? DeclineCode = null);

public enum PaymentStatus
{
    Authorized,
    Captured,
    Declined,
    Voided,
    Refunded,
}
