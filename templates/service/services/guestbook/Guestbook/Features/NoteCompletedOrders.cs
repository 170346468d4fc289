using Chassis;
using Chassis.Messaging.Erasure;
using Guestbook.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Orders.V1;

namespace Guestbook.Features;

/// <summary>An order that is completed leaves a note, once, however often it is told.</summary>
internal sealed class NoteCompletedOrders(GuestbookDbContext db, GuestbookMetrics metrics, TimeProvider clock) : IConsumer<OrderCompleted>
{
    public async Task Consume(ConsumeContext<OrderCompleted> context)
    {
        var (order, ct) = (context.Message, context.CancellationToken);
        await ErasureLock.ShareAsync(db, order.UserId, ct);
        var added = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO notes (id, tenant_id, user_id, order_id, text, added_at)
            SELECT {Guid.CreateVersion7(clock.GetUtcNow())}, {OperationContext.Current.TenantId}, {order.UserId}, {order.OrderId}, 'An order was completed.', {clock.GetUtcNow()}
            WHERE NOT EXISTS (SELECT FROM erased_users WHERE user_id = {order.UserId})
            ON CONFLICT (order_id) DO NOTHING
            """, ct);
        if (added == 1)
        {
            metrics.Added(db);
        }
    }
}
