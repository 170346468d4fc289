using Microsoft.EntityFrameworkCore;
using Orders.Domain;

namespace Orders.Features;

/// <summary>Cancels whatever is open for a customer who was deactivated or erased.</summary>
public sealed class CancelOrdersOfCustomer(DbContext db, OrderStore orders, TimeProvider clock)
{
    public async Task Handle(Guid userId, string reason, CancellationToken cancellationToken)
    {
        // In the order of their ids, so that two of these never wait for each other.
        var open = await db.Database
            .SqlQuery<Guid>($"SELECT id AS \"Value\" FROM orders WHERE user_id = {userId} AND status IN ('draft', 'submitted', 'confirmed') ORDER BY id")
            .ToListAsync(cancellationToken);
        foreach (var id in open)
        {
            try
            {
                await orders.Change(id, new RequestCancellation(reason, clock.GetUtcNow()), cancellationToken);
            }
            catch (OrderRefusedException)
            {
                // Shipped or ended since it was listed: there is nothing left to cancel.
            }
        }
    }
}
