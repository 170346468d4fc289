using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Contracts.Events;

namespace Shop.Contracts.Orders.V1;

/// <summary>An order was placed. Amounts are in the order's currency, which this version does not say: use version 2.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Items">At least one line.</param>
/// <param name="Total">Sum over the lines, as a decimal string.</param>
/// <param name="SubmittedAt">When the customer placed it.</param>
[BoundaryEvent("shop.order.submitted.v1", nameof(OrderId), Deprecated = true)]
public sealed record OrderSubmitted(
    Guid OrderId,
    Guid UserId,
    [MinLength(1)] IReadOnlyList<SubmittedLine> Items,
    [property: JsonConverter(typeof(DecimalStringConverter))] decimal Total,
    DateTimeOffset SubmittedAt);

/// <summary>One line of an order.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Quantity">Pieces.</param>
/// <param name="UnitPrice">Price of one piece when the order was placed, as a decimal string.</param>
public sealed record SubmittedLine(
    [MinLength(1)] string Sku,
    [Range(1, int.MaxValue)] int Quantity,
    [property: JsonConverter(typeof(DecimalStringConverter))] decimal UnitPrice);

/// <summary>Stock is reserved and the payment authorized: the order will be shipped.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Items">At least one line.</param>
/// <param name="Total">Sum over the lines.</param>
/// <param name="ConfirmedAt">When both were there.</param>
[BoundaryEvent("shop.order.confirmed.v1", nameof(OrderId))]
public sealed record OrderConfirmed(Guid OrderId, Guid UserId, [MinLength(1)] IReadOnlyList<OrderLine> Items, Money Total, DateTimeOffset ConfirmedAt);

/// <summary>One line of an order.</summary>
/// <param name="Sku">Stock keeping unit.</param>
/// <param name="Name">The product's name when the order was placed.</param>
/// <param name="Quantity">Pieces.</param>
/// <param name="UnitPrice">Price of one piece when the order was placed.</param>
public sealed record OrderLine([MinLength(1)] string Sku, [MinLength(1)] string Name, [Range(1, int.MaxValue)] int Quantity, Money UnitPrice);

/// <summary>The order is on its way.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="ShipmentId">The shipment.</param>
/// <param name="Carrier">Who carries it.</param>
/// <param name="TrackingNumber">The carrier's number.</param>
/// <param name="ShippedAt">When it left the warehouse.</param>
[BoundaryEvent("shop.order.shipped.v1", nameof(OrderId))]
public sealed record OrderShipped(
    Guid OrderId,
    Guid UserId,
    Guid ShipmentId,
    [MinLength(1)] string Carrier,
    [MinLength(1)] string TrackingNumber,
    DateTimeOffset ShippedAt);

/// <summary>Shipped and paid: nothing further will happen to this order.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Total">What was charged.</param>
/// <param name="CompletedAt">When the payment was captured.</param>
[BoundaryEvent("shop.order.completed.v1", nameof(OrderId))]
public sealed record OrderCompleted(Guid OrderId, Guid UserId, Money Total, DateTimeOffset CompletedAt);

/// <summary>The order was cancelled and everything done for it was undone.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Reason">What the canceller gave as the reason.</param>
/// <param name="CancelledAt">When every step of the compensation was acknowledged.</param>
/// <param name="Refunded">What goes back to the customer, if anything had been charged.</param>
[BoundaryEvent("shop.order.cancelled.v1", nameof(OrderId))]
public sealed record OrderCancelled(Guid OrderId, Guid UserId, [PersonalData] string Reason, DateTimeOffset CancelledAt, Money? Refunded = null);

/// <summary>The order could not be fulfilled and everything done for it was undone.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Reason">Starts with <c>out_of_stock:</c>, <c>payment_declined:</c> or <c>timed_out:</c>.</param>
/// <param name="FailedAt">When every step of the compensation was acknowledged.</param>
/// <param name="Refunded">What goes back to the customer, if anything had been charged.</param>
[BoundaryEvent("shop.order.failed.v1", nameof(OrderId))]
public sealed record OrderFailed(Guid OrderId, Guid UserId, [MinLength(1)] string Reason, DateTimeOffset FailedAt, Money? Refunded = null);

/// <summary>A payment reached a new state at the payment provider.</summary>
/// <param name="PaymentId">The payment.</param>
/// <param name="OrderId">The order that it is for.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Status">The state reached.</param>
/// <param name="Amount">What was authorized, captured, declined, voided or refunded.</param>
/// <param name="ProcessedAt">When the provider's answer was known.</param>
/// <param name="DeclineCode">The provider's reason, on a declined payment.</param>
[BoundaryEvent("shop.payment.processed.v1", nameof(PaymentId))]
public sealed record PaymentProcessed(
    Guid PaymentId,
    Guid OrderId,
    Guid UserId,
    PaymentStatus Status,
    Money Amount,
    DateTimeOffset ProcessedAt,
    string? DeclineCode = null);

/// <summary>State of a payment.</summary>
public enum PaymentStatus
{
    Authorized,
    Captured,
    Declined,
    Voided,
    Refunded,
}
