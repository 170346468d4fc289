using Chassis.Messaging.Erasure;
using Chassis.Web;
using Inventory.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Users.V1;

namespace Inventory.Features;

/// <summary>
/// Removes the addresses of a customer who is erased, from shipments, stored answers and what messaging keeps. A parcel that waits for its carrier keeps its
/// address until it leaves: it cannot arrive without one.
/// </summary>
internal sealed class EraseAddresses(InventoryDbContext db, TimeProvider clock) : IConsumer<UserErased>
{
    public async Task Consume(ConsumeContext<UserErased> context)
    {
        var (userId, ct) = (context.Message.UserId, context.CancellationToken);
        await ErasureLock.TakeAsync(db, userId, ct);
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO erased_users (user_id, erased_at) VALUES ({userId}, {clock.Now()}) ON CONFLICT (user_id) DO NOTHING", ct);
        await db.Database.ExecuteSqlAsync(
            $"UPDATE shipments SET address = NULL, version = version + 1 WHERE user_id = {userId} AND address IS NOT NULL AND status <> 'pending'", ct);
        await Idempotency.ForgetAsync(db, userId, ct);
        await PersonalData.EraseAsync(db, userId, await db.Shipments.Where(s => s.UserId == userId).Select(s => s.OrderId).ToListAsync(ct), ct);
    }
}
