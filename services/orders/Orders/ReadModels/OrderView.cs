using Orders.Domain;

namespace Orders.ReadModels;

/// <summary>An order as callers see it.</summary>
/// <param name="Id">UUIDv7.</param>
/// <param name="UserId">The customer.</param>
/// <param name="Status">How far it is.</param>
/// <param name="Items">One line per sku.</param>
/// <param name="Total">Sum over the lines.</param>
/// <param name="PaymentMethod">Given with the submission.</param>
/// <param name="ShippingAddress">Given with the submission; null once the customer was erased.</param>
/// <param name="Reason">Why it was cancelled or failed; while a cancellation is under way, why the customer wants it.</param>
/// <param name="CancellationRequested">The customer has asked to cancel, and what was done is being undone.</param>
/// <param name="Shipment">The parcel.</param>
/// <param name="Refunded">What went back to the customer.</param>
/// <param name="Version">Version of the stream; the ETag.</param>
/// <param name="CreatedAt">When it was drafted.</param>
/// <param name="SubmittedAt">When it was placed.</param>
/// <param name="ConfirmedAt">When stock and payment were certain.</param>
/// <param name="ShippedAt">When it left.</param>
/// <param name="CompletedAt">When it was paid and done.</param>
/// <param name="CancelledAt">When everything was undone.</param>
/// <param name="FailedAt">When everything was undone.</param>
public sealed record OrderView(
    Guid Id,
    Guid UserId,
    OrderStatus Status,
    IReadOnlyList<OrderItemView> Items,
    Shop.Contracts.Money Total,
    string? PaymentMethod,
    Address? ShippingAddress,
    string? Reason,
    bool CancellationRequested,
    Shipment? Shipment,
    Shop.Contracts.Money? Refunded,
    long Version,
    DateTimeOffset CreatedAt,
    DateTimeOffset? SubmittedAt,
    DateTimeOffset? ConfirmedAt,
    DateTimeOffset? ShippedAt,
    DateTimeOffset? CompletedAt,
    DateTimeOffset? CancelledAt,
    DateTimeOffset? FailedAt)
{
    public static OrderView Of(OrderState order, long version) => new(
        order.Id,
        order.UserId,
        order.Status,
        [.. order.Lines.Select(l => new OrderItemView(l.Sku, l.Name, l.Quantity, Money(l.UnitPrice)))],
        Money(order.Total),
        order.PaymentMethod,
        order.ShippingAddress,
        order.Reason ?? order.CancellationReason,
        order.CancellationReason is not null && !order.IsTerminal && order.Status != OrderStatus.Shipped,
        order.Shipment,
        order.Refunded is null ? null : Money(order.Refunded),
        version,
        order.CreatedAt,
        order.SubmittedAt,
        order.ConfirmedAt,
        order.ShippedAt,
        order.CompletedAt,
        order.CancelledAt,
        order.FailedAt);

    private static Shop.Contracts.Money Money(Money money) => new(money.Amount, money.Currency);
}

public sealed record OrderItemView(string Sku, string Name, int Quantity, Shop.Contracts.Money UnitPrice);
