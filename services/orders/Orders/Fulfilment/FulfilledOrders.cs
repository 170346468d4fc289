using Chassis.Messaging;
using Orders.Domain;

namespace Orders.Fulfilment;

/// <inheritdoc/>
internal sealed class FulfilledOrders(OrderStore orders) : IOrders
{
    public async Task DoAsync(Guid orderId, OrderCommand command, CancellationToken ct)
    {
        try
        {
            await orders.ApplyAsync(orderId, command, ct);
        }
        catch (OrderRefusedException refused)
        {
            throw new NonTransientException($"The order refuses: {refused.Error.Code}.", refused);
        }
    }
}
