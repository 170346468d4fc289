using Chassis.Web;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>
/// Access to reservations for those who change them. The row is the order's lock: whoever changes anything of an order takes it first, and stock
/// rows after it in sku order.
/// </summary>
public sealed class Reservations(InventoryDbContext db, TimeProvider clock)
{
    /// <summary>The reservation, locked until the transaction ends, or null.</summary>
    public async Task<Reservation?> FindForChangeAsync(Guid orderId, CancellationToken ct) =>
        (await db.Reservations.FromSql($"SELECT * FROM reservations WHERE order_id = {orderId} FOR NO KEY UPDATE").ToListAsync(ct)).SingleOrDefault();

    /// <summary>
    /// The reservation, locked; where there is none yet, one that is released already, so that a reservation that arrives late is refused.
    /// </summary>
    public async Task<Reservation> FindOrCloseAsync(Guid orderId, string reason, CancellationToken ct)
    {
        if (await FindForChangeAsync(orderId, ct) is { } found)
        {
            return found;
        }

        var now = clock.Now();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO reservations (order_id, tenant_id, status, items, lines, reason, has_recipes, version, created_at, ended_at)
            VALUES ({orderId}, {OperationContext.Current.TenantId}, 'released', '[]', '[]', {reason}, false, 1, {now}, {now})
            ON CONFLICT (order_id) DO NOTHING
            """, ct);
        return (await FindForChangeAsync(orderId, ct))!;
    }

    /// <summary>The reservation, locked, when its time is over and nobody is at work on it; otherwise null.</summary>
    public async Task<Reservation?> FindExpiredAsync(Guid orderId, CancellationToken ct) =>
        (await db.Reservations.FromSql(
            $"""
            SELECT * FROM reservations
            WHERE order_id = {orderId} AND status = 'reserved' AND expires_at <= {clock.Now()}
            FOR NO KEY UPDATE SKIP LOCKED
            """).ToListAsync(ct)).SingleOrDefault();
}
