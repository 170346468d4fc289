using Orders.Domain;
using Shop.Contracts.Orders.V1;

namespace Orders.Fulfilment;

// Whom the saga asks in its own service: by a call, in the transaction of the message that made the step possible. Whom it asks outside gets a command on a
// queue.

/// <summary>The orders that are fulfilled.</summary>
public interface IOrders
{
    /// <summary>Does something to an order. The same a second time changes nothing.</summary>
    /// <exception cref="Chassis.Messaging.NonTransientException">The order refuses, now and later.</exception>
    Task DoAsync(Guid orderId, OrderCommand command, CancellationToken ct);
}

/// <summary>The money of the orders that are fulfilled. The provider is asked after the commit.</summary>
public interface IPayments
{
    /// <returns>The outcome, when it is known by now; else null, and the saga is told when it is.</returns>
    Task<PaymentProcessed?> RequestAsync(PaymentRequest request, CancellationToken ct);

    /// <summary>How far the order's payment has come; null while nothing is known, or when there is none.</summary>
    Task<PaymentProcessed?> OutcomeAsync(Guid orderId, CancellationToken ct);
}

/// <summary>Something that the saga wants of an order's payment.</summary>
public abstract record PaymentRequest(Guid OrderId);

public sealed record AuthorizePayment(Guid OrderId, Guid UserId, Shop.Contracts.Money Amount, string PaymentMethod) : PaymentRequest(OrderId);

public sealed record CapturePayment(Guid OrderId) : PaymentRequest(OrderId);

/// <summary>Legal at any time, also before the authorization arrives, which is then refused; therefore it says what it would have been.</summary>
public sealed record VoidPayment(Guid OrderId, Guid UserId, Shop.Contracts.Money Amount, string PaymentMethod) : PaymentRequest(OrderId);

public sealed record RefundPayment(Guid OrderId) : PaymentRequest(OrderId);
