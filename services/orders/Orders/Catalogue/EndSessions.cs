using Chassis.Web;
using MassTransit;
using Orders.Persistence;
using Shop.Contracts.Users.V1;

namespace Orders.Catalogue;

/// <summary>Writes down whose sessions have ended, for every replica.</summary>
internal sealed class EndSessions(OrdersDbContext db) : IConsumer<UserSessionsEnded>, IConsumer<UserSessionEnded>
{
    public Task Consume(ConsumeContext<UserSessionsEnded> context) =>
        EndedSessions.RecordAsync(db, context.Message.UserId, context.Message.Epoch, context.Message.EndedAt, context.CancellationToken);

    public Task Consume(ConsumeContext<UserSessionEnded> context) =>
        EndedSessions.RecordOneAsync(db, context.Message.SessionId, context.Message.EndedAt, context.CancellationToken);
}
