using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Orders.Fulfilment;

// Inside the orders service only: what the order, the saga and the payments say to each other, each over its own queue.
// Everything that others may know is a boundary event in contracts/.

public static class OrdersQueues
{
    public const string Commands = "orders.commands";
    public const string Fulfilment = "orders.fulfilment";
    public const string Payments = "orders.payments";
}

// order → saga (orders.fulfilment)

/// <summary>Sent in the transaction that submits the order. Unlike the boundary event it carries what only the saga may see.</summary>
public sealed record StartFulfilment(Guid OrderId, Guid UserId, IReadOnlyList<SkuQuantity> Items, Money Total, string PaymentMethod, ShipTo Address);

public sealed record CancellationRequested(Guid OrderId, [PersonalData] string Reason);

// saga → order (orders.commands); answered by the order's boundary events

public sealed record ConfirmOrder(Guid OrderId);

public sealed record RecordShipment(Guid OrderId, Guid ShipmentId, string Carrier, string TrackingNumber);

public sealed record CompleteOrder(Guid OrderId);

public sealed record FailOrder(Guid OrderId, string Reason, Money? Refunded = null);

public sealed record CancelOrder(Guid OrderId, [PersonalData] string Reason, Money? Refunded = null);

// saga → payments (orders.payments); answered by PaymentProcessed

public sealed record AuthorizePayment(Guid OrderId, Guid UserId, Money Amount, string PaymentMethod);

public sealed record CapturePayment(Guid OrderId);

/// <summary>Legal at any time, also before the authorization arrives, which is then refused; therefore it says what it would have been.</summary>
public sealed record VoidPayment(Guid OrderId, Guid UserId, Money Amount, string PaymentMethod);

public sealed record RefundPayment(Guid OrderId);
