using Contracts.Events;
using Shop.Contracts;
using Shop.Contracts.Inventory.V1;

namespace Orders.Fulfilment;

// Inside the orders service only. Everything that others may know is a boundary event in contracts/.

public static class OrdersQueues
{
    public const string Commands = "orders.commands";
    public const string Fulfilment = "orders.fulfilment";
}

/// <summary>An order was submitted: told to the saga in that very transaction. Unlike the boundary event it carries what only the saga may see.</summary>
public sealed record StartFulfilment(Guid OrderId, Guid UserId, IReadOnlyList<SkuQuantity> Items, Money Total, string PaymentMethod, ShipTo Address);

/// <summary>
/// The customer's wish, to <see cref="OrdersQueues.Fulfilment"/>: whoever writes it down holds the order, and whoever fulfils holds the saga first.
/// </summary>
public sealed record CancellationRequested(Guid OrderId, [PersonalData] string Reason);

/// <summary>Comes by itself when a step has waited for its whole deadline.</summary>
public sealed record DeadlinePassed(Guid OrderId, string Step);
