namespace Orders.Domain;

/// <summary>Something somebody wants of an order.</summary>
public abstract record OrderCommand(DateTimeOffset At);

public sealed record Draft(Guid OrderId, Guid UserId, string Currency, DateTimeOffset At) : OrderCommand(At);

public sealed record AddItem(Product Product, int Quantity, DateTimeOffset At) : OrderCommand(At);

public sealed record RemoveItem(string Sku, DateTimeOffset At) : OrderCommand(At);

/// <summary>What can be charged at once, in units of the currency.</summary>
/// <param name="Smallest">Every charge is a multiple of it.</param>
/// <param name="Largest">None is above it.</param>
public sealed record ChargeLimits(decimal Smallest, decimal Largest);

/// <param name="PaymentMethod">The payment provider's handle of the customer's means of payment.</param>
/// <param name="ShippingAddress">Where it goes.</param>
/// <param name="Catalogue">Every product of the order as it is sold now; one that is missing is not sold any more.</param>
/// <param name="Limits">Of a charge in the order's currency; null when nothing can be charged in it.</param>
/// <param name="At">When.</param>
/// <param name="Expected">What the customer has seen; null when that does not matter.</param>
public sealed record Submit(
    string PaymentMethod, Address ShippingAddress, IReadOnlyCollection<Product> Catalogue, ChargeLimits? Limits, DateTimeOffset At, Money? Expected = null)
    : OrderCommand(At);

/// <summary>The customer's wish: a draft is cancelled at once, an order under way when everything done for it is undone.</summary>
public sealed record RequestCancellation(string Reason, DateTimeOffset At) : OrderCommand(At);

public sealed record Confirm(DateTimeOffset At) : OrderCommand(At);

public sealed record Ship(Shipment Shipment, DateTimeOffset At) : OrderCommand(At);

public sealed record Complete(DateTimeOffset At) : OrderCommand(At);

/// <summary>Everything done for the order is undone: it ends as cancelled.</summary>
public sealed record Cancel(string Reason, Money? Refunded, DateTimeOffset At) : OrderCommand(At);

/// <summary>Fulfilment could not go on, and everything done for the order is undone: it ends as failed.</summary>
public sealed record Fail(string Reason, Money? Refunded, DateTimeOffset At) : OrderCommand(At);
