using Chassis.Web;
using Guestbook.Persistence;
using MassTransit;
using Shop.Contracts.Users.V1;

namespace Guestbook.Features;

/// <summary>Writes down whose sessions have ended, for every replica.</summary>
internal sealed class EndSessions(GuestbookDbContext db) : IConsumer<UserSessionsEnded>, IConsumer<UserSessionEnded>
{
    public Task Consume(ConsumeContext<UserSessionsEnded> context) =>
        EndedSessions.RecordAsync(db, context.Message.UserId, context.Message.Epoch, context.Message.EndedAt, context.CancellationToken);

    public Task Consume(ConsumeContext<UserSessionEnded> context) =>
        EndedSessions.RecordOneAsync(db, context.Message.SessionId, context.Message.EndedAt, context.CancellationToken);
}
