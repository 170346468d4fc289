using Chassis;
using Chassis.Data;
using Inventory.Domain;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore;

namespace Inventory.Features;

/// <summary>
/// Access to reservations for those who change them, in one transaction and in the name of the reservation's tenant. The row is the order's lock: whoever
/// changes anything of an order takes it first, and stock rows after it in sku order.
/// </summary>
public sealed class Reservations(InventoryDbContext db, TimeProvider clock)
{
    /// <summary>Changes the reservation of an order that has one.</summary>
    public Task ChangeAsync(Guid orderId, Func<Reservation, Task> change, CancellationToken ct) =>
        ChangeAsync(async () => await FindAsync(orderId, ct) ?? throw new InvalidOperationException($"Order {orderId} has no reservation."), change, ct);

    /// <summary>
    /// Changes the reservation; where there is none yet, one that is released already, so that a reservation that arrives late is refused.
    /// </summary>
    public Task ChangeOrCloseAsync(Guid orderId, string reason, Func<Reservation, Task> change, CancellationToken ct) =>
        ChangeAsync(() => FindOrCloseAsync(orderId, reason, ct), change, ct);

    /// <summary>Changes the reservation when its time is over and nobody is at work on it.</summary>
    /// <returns>Whether that was so.</returns>
    public Task<bool> ChangeExpiredAsync(Guid orderId, Func<Reservation, Task> change, CancellationToken ct) =>
        ChangeAsync(() => FindExpiredAsync(orderId, ct), change, ct);

    private async Task<bool> ChangeAsync(Func<Task<Reservation?>> find, Func<Reservation, Task> change, CancellationToken ct)
    {
        await using var transaction = await db.BeginOrJoinAsync(ct);
        if (await find() is not { } reservation)
        {
            return false;
        }

        using var _ = OperationContext.BeginTenant(reservation.TenantId);
        await change(reservation);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return true;
    }

    private async Task<Reservation?> FindAsync(Guid orderId, CancellationToken ct) =>
        (await db.Reservations.FromSql($"SELECT * FROM reservations WHERE order_id = {orderId} FOR NO KEY UPDATE").ToListAsync(ct)).SingleOrDefault();

    private async Task<Reservation?> FindOrCloseAsync(Guid orderId, string reason, CancellationToken ct)
    {
        if (await FindAsync(orderId, ct) is { } found)
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
        return await FindAsync(orderId, ct);
    }

    private async Task<Reservation?> FindExpiredAsync(Guid orderId, CancellationToken ct) =>
        (await db.Reservations.FromSql(
            $"""
            SELECT * FROM reservations
            WHERE order_id = {orderId} AND status = 'reserved' AND expires_at <= {clock.Now()}
            FOR NO KEY UPDATE SKIP LOCKED
            """).ToListAsync(ct)).SingleOrDefault();
}
