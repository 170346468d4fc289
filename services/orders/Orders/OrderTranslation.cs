using Chassis.EventSourcing;
using Chassis.Messaging;
using MassTransit;
using Orders.Domain;
using Orders.Fulfilment;
using Shop.Contracts.Inventory.V1;
using V1 = Shop.Contracts.Orders.V1;
using V2 = Shop.Contracts.Orders.V2;

namespace Orders;

/// <summary>The one place where what happens inside becomes what others are told. Everything leaves through the outbox of the unit of work.</summary>
internal sealed class OrderTranslation(IPublishEndpoint publish, ISendEndpointProvider send, Fulfilments fulfilments) : ICoreEventHandler<OrderEvent>
{
    public Task Handle(CoreEvent<OrderEvent> coreEvent, CancellationToken ct) => TellAsync(coreEvent.Stored, ct);

    private Task TellAsync(StoredEvent stored, CancellationToken ct) => stored.Data switch
    {
        OrderSubmitted e => SubmittedAsync(e, stored, ct),
        OrderCancellationRequested e =>
            send.SendCommandAsync(OrdersQueues.Fulfilment, new CancellationRequested(e.OrderId, e.Reason ?? OrderState.ErasedReason), e.OrderId, ct),
        OrderConfirmed e => PublishAsync(new V1.OrderConfirmed(e.OrderId, e.UserId, Lines(e.Lines), Money(e.Total), e.At), stored, ct),
        OrderShipped e => PublishAsync(
            new V1.OrderShipped(e.OrderId, e.UserId, e.Shipment.ShipmentId, e.Shipment.Carrier, e.Shipment.TrackingNumber, e.At), stored, ct),
        OrderCompleted e => PublishAsync(new V1.OrderCompleted(e.OrderId, e.UserId, Money(e.Total), e.At), stored, ct),
        OrderCancelled e =>
            PublishAsync(new V1.OrderCancelled(e.OrderId, e.UserId, e.Reason ?? OrderState.ErasedReason, e.At, Optional(e.Refunded)), stored, ct),
        OrderFailed e => PublishAsync(new V1.OrderFailed(e.OrderId, e.UserId, e.Reason, e.At, Optional(e.Refunded)), stored, ct),
        OrderDrafted or ItemAdded or ItemRemoved => Task.CompletedTask, // a draft is nobody else's business
        var other => throw new InvalidOperationException($"Nobody has decided what others are told of {other.GetType().Name}."),
    };

    private Task PublishAsync<T>(T boundaryEvent, StoredEvent stored, CancellationToken ct)
        where T : class => publish.PublishEventAsync(boundaryEvent, stored.Version, stored.EventId, ct);

    private async Task SubmittedAsync(OrderSubmitted e, StoredEvent stored, CancellationToken ct)
    {
        // Both versions until nobody reads the first any more; one event, one id, so the old one gets an id of its own.
        await publish.PublishEventAsync(
            new V1.OrderSubmitted(
                e.OrderId, e.UserId, [.. e.Lines.Select(l => new V1.SubmittedLine(l.Sku, l.Quantity, l.UnitPrice.Amount))], e.Total.Amount, e.At),
            stored.Version,
            ct);
        var address = e.ShippingAddress ?? throw new InvalidOperationException("An order is submitted with an address.");
        await PublishAsync(new V2.OrderSubmitted(e.OrderId, e.UserId, Lines(e.Lines), Money(e.Total), address.Country, e.At), stored, ct);
        await fulfilments.StartAsync(
            new StartFulfilment(
                e.OrderId,
                e.UserId,
                [.. e.Lines.Select(l => new SkuQuantity(l.Sku, l.Quantity))],
                Money(e.Total),
                e.PaymentMethod,
                new ShipTo(address.Name, address.Line1, address.City, address.PostalCode, address.Country, address.Line2)),
            ct);
    }

    private static IReadOnlyList<V1.OrderLine> Lines(IReadOnlyList<OrderLine> lines) =>
        [.. lines.Select(l => new V1.OrderLine(l.Sku, l.Name, l.Quantity, Money(l.UnitPrice)))];

    private static Shop.Contracts.Money Money(Money money) => new(money.Amount, money.Currency);

    private static Shop.Contracts.Money? Optional(Money? money) => money is null ? null : Money(money);
}
