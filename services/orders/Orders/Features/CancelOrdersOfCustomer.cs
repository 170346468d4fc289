using Chassis.Messaging;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;

namespace Orders.Features;

/// <summary>Inside the service only: cancel this order if it can be cancelled still.</summary>
public sealed record CancelOpenOrder(Guid OrderId, string Reason);

/// <summary>Cancels whatever is open for a customer who was deactivated or erased.</summary>
/// <remarks>
/// Each order by a message of its own, not all at once: the customer's lock is held here, and whoever is just placing an order holds that order's and waits for
/// it.
/// </remarks>
internal sealed class CancelOrdersOfCustomer(DbContext db, ISendEndpointProvider send)
{
    public async Task Handle(Guid userId, string reason, CancellationToken ct)
    {
        var open = await db.Database
            .SqlQuery<Guid>($"SELECT id AS \"Value\" FROM orders WHERE user_id = {userId} AND status IN ('draft', 'submitted', 'confirmed')")
            .ToListAsync(ct);
        foreach (var id in open)
        {
            await send.SendCommandAsync(OrdersQueues.Commands, new CancelOpenOrder(id, reason), id, ct);
        }
    }
}
