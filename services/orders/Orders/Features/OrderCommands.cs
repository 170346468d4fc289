using Chassis.EventSourcing;
using Chassis.Messaging;
using MassTransit;
using Orders.Domain;
using Orders.Fulfilment;

namespace Orders.Features;

/// <summary>The order is not there yet where a command wants it: an earlier command is still on its way. It is tried again.</summary>
public sealed class OrderNotReadyException(OrderError error) : Exception(error.Message);

/// <summary>What the saga, or a customer's deactivation, tells an order. Repeated commands change nothing and are answered with the same event again.</summary>
public sealed class OrderCommandsConsumer(OrderStore orders, OrderTranslation translation, TimeProvider clock) :
    IConsumer<ConfirmOrder>, IConsumer<RecordShipment>, IConsumer<CompleteOrder>, IConsumer<Fulfilment.CancelOrder>, IConsumer<FailOrder>, IConsumer<CancelOpenOrder>
{
    public Task Consume(ConsumeContext<ConfirmOrder> context) => Handle<OrderConfirmed>(context.Message.OrderId, new Confirm(Now), context);

    public Task Consume(ConsumeContext<RecordShipment> context) => Handle<OrderShipped>(
        context.Message.OrderId,
        new Ship(new Shipment(context.Message.ShipmentId, context.Message.Carrier, context.Message.TrackingNumber), Now),
        context);

    public Task Consume(ConsumeContext<CompleteOrder> context) => Handle<OrderCompleted>(context.Message.OrderId, new Complete(Now), context);

    public Task Consume(ConsumeContext<Fulfilment.CancelOrder> context) => Handle<OrderCancelled>(
        context.Message.OrderId, new Cancel(context.Message.Reason, Refunded(context.Message.Refunded), Now), context);

    public Task Consume(ConsumeContext<FailOrder> context) => Handle<OrderFailed>(
        context.Message.OrderId, new Fail(context.Message.Reason, Refunded(context.Message.Refunded), Now), context);

    public async Task Consume(ConsumeContext<CancelOpenOrder> context)
    {
        try
        {
            await orders.Change(context.Message.OrderId, new RequestCancellation(context.Message.Reason, Now), context.CancellationToken);
        }
        catch (OrderRefusedException)
        {
            // Shipped or ended since it was found open: there is nothing left to cancel.
        }
    }

    private DateTimeOffset Now => clock.GetUtcNow();

    private async Task Handle<TAnswer>(Guid orderId, OrderCommand command, ConsumeContext context)
        where TAnswer : OrderEvent
    {
        try
        {
            var change = await orders.Change(orderId, command, context.CancellationToken);
            if (change.Repeated)
            {
                await translation.TellAgain(change.History, e => e is TAnswer, context.CancellationToken);
            }
        }
        catch (OrderRefusedException refused) when (refused.Error == OrderErrors.NotConfirmed || refused.Error == OrderErrors.NotShipped)
        {
            throw new OrderNotReadyException(refused.Error);
        }
        catch (OrderRefusedException refused) when (refused.Error == OrderErrors.AlreadyCancelled || refused.Error == OrderErrors.AlreadyFailed
            || refused.Error == OrderErrors.AlreadyCompleted || refused.Error == OrderErrors.AlreadyShipped)
        {
            // The order ended otherwise, or it left the house before it could be cancelled. Whoever waits for an answer gets that.
            await TellTheEnd(orderId, context.CancellationToken);
        }
        catch (OrderRefusedException refused)
        {
            throw new NonTransientException($"The order refuses: {refused.Error.Code}.", refused);
        }
    }

    private async Task TellTheEnd(Guid orderId, CancellationToken cancellationToken)
    {
        var history = await orders.History(orderId, cancellationToken);
        await translation.TellAgain(history, e => e is OrderShipped or OrderCompleted or OrderCancelled or OrderFailed, cancellationToken);
    }

    private static Money? Refunded(Shop.Contracts.Money? money) => money is null ? null : new Money(money.Amount, money.Currency);
}
