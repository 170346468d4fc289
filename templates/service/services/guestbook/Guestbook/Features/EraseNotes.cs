using Chassis.Messaging.Erasure;
using Chassis.Web;
using Guestbook.Persistence;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts.Users.V1;

namespace Guestbook.Features;

/// <summary>Deletes the notes of a person who is erased, and what stored answers and messaging keep of the person.</summary>
internal sealed class EraseNotes(GuestbookDbContext db, TimeProvider clock) : IConsumer<UserErased>
{
    public async Task Consume(ConsumeContext<UserErased> context)
    {
        var (userId, ct) = (context.Message.UserId, context.CancellationToken);
        await ErasureLock.TakeAsync(db, userId, ct);
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO erased_users (user_id, erased_at) VALUES ({userId}, {clock.GetUtcNow()}) ON CONFLICT (user_id) DO NOTHING", ct);
        var notes = await db.Notes.Where(n => n.UserId == userId).Select(n => n.Id).ToListAsync(ct);
        await db.Notes.Where(n => n.UserId == userId).ExecuteDeleteAsync(ct);
        await Idempotency.ForgetAsync(db, userId, ct);
        await PersonalData.EraseAsync(db, userId, notes, ct);
    }
}
