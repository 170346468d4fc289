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
public sealed class OrderTranslation(IPublishEndpoint publish, ISendEndpointProvider send, Fulfilments fulfilments) : ICoreEventHandler<OrderEvent>
{
    public Task Handle(CoreEvent<OrderEvent> coreEvent, CancellationToken cancellationToken) => Tell(coreEvent.Stored, cancellationToken);

    private Task Tell(StoredEvent stored, CancellationToken cancellationToken) => stored.Data switch
    {
        OrderSubmitted e => Submitted(e, stored, cancellationToken),
        OrderCancellationRequested e => send.SendCommand(OrdersQueues.Fulfilment, new CancellationRequested(e.OrderId, e.Reason ?? OrderState.ErasedReason), e.OrderId, cancellationToken),
        OrderConfirmed e => Publish(new V1.OrderConfirmed(e.OrderId, e.UserId, Lines(e.Lines), Money(e.Total), e.At), stored, cancellationToken),
        OrderShipped e => Publish(
            new V1.OrderShipped(e.OrderId, e.UserId, e.Shipment.ShipmentId, e.Shipment.Carrier, e.Shipment.TrackingNumber, e.At), stored, cancellationToken),
        OrderCompleted e => Publish(new V1.OrderCompleted(e.OrderId, e.UserId, Money(e.Total), e.At), stored, cancellationToken),
        OrderCancelled e => Publish(new V1.OrderCancelled(e.OrderId, e.UserId, e.Reason ?? OrderState.ErasedReason, e.At, Optional(e.Refunded)), stored, cancellationToken),
        OrderFailed e => Publish(new V1.OrderFailed(e.OrderId, e.UserId, e.Reason, e.At, Optional(e.Refunded)), stored, cancellationToken),
        OrderDrafted or ItemAdded or ItemRemoved => Task.CompletedTask, // a draft is nobody else's business
        var other => throw new InvalidOperationException($"Nobody has decided what others are told of {other.GetType().Name}."),
    };

    private Task Publish<T>(T boundaryEvent, StoredEvent stored, CancellationToken cancellationToken)
        where T : class => publish.PublishEvent(boundaryEvent, stored.Version, stored.EventId, cancellationToken);

    private async Task Submitted(OrderSubmitted e, StoredEvent stored, CancellationToken cancellationToken)
    {
        // Both versions until nobody reads the first any more; one event, one id, so the old one gets an id of its own.
        await publish.PublishEvent(
            new V1.OrderSubmitted(e.OrderId, e.UserId, [.. e.Lines.Select(l => new V1.SubmittedLine(l.Sku, l.Quantity, l.UnitPrice.Amount))], e.Total.Amount, e.At),
            stored.Version,
            cancellationToken);
        var address = e.ShippingAddress ?? throw new InvalidOperationException("An order is submitted with an address.");
        await Publish(new V2.OrderSubmitted(e.OrderId, e.UserId, Lines(e.Lines), Money(e.Total), address.Country, e.At), stored, cancellationToken);
        await fulfilments.Start(
            new StartFulfilment(
                e.OrderId,
                e.UserId,
                [.. e.Lines.Select(l => new SkuQuantity(l.Sku, l.Quantity))],
                Money(e.Total),
                e.PaymentMethod,
                new ShipTo(address.Name, address.Line1, address.City, address.PostalCode, address.Country, address.Line2)),
            cancellationToken);
    }

    private static IReadOnlyList<V1.OrderLine> Lines(IReadOnlyList<OrderLine> lines) =>
        [.. lines.Select(l => new V1.OrderLine(l.Sku, l.Name, l.Quantity, Money(l.UnitPrice)))];

    private static Shop.Contracts.Money Money(Money money) => new(money.Amount, money.Currency);

    private static Shop.Contracts.Money? Optional(Money? money) => money is null ? null : Money(money);
}
