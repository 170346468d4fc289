using MassTransit;
using Orders.Domain;

namespace Orders.Features;

/// <summary>Cancels the orders of a customer who was deactivated or erased, each by a message of its own.</summary>
internal sealed class CancelOpenOrderConsumer(OrderStore orders, TimeProvider clock) : IConsumer<CancelOpenOrder>
{
    public async Task Consume(ConsumeContext<CancelOpenOrder> context)
    {
        try
        {
            await orders.ChangeAsync(context.Message.OrderId, new RequestCancellation(context.Message.Reason, clock.GetUtcNow()), context.CancellationToken);
        }
        catch (OrderRefusedException)
        {
            // Shipped or ended since it was found open: there is nothing left to cancel.
        }
    }
}
