using System.Data;
using System.Diagnostics;
using Chassis.Data;
using Chassis.Messaging.DeadLetters;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Middleware;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Chassis.Messaging.Consuming;

/// <summary>
/// One transaction per consumed message. Its first statement is the inbox row: when that is there already the message is a duplicate and is only
/// acknowledged; when another transaction is about to write it, the statement waits for the outcome. A message that came without the broker has its row of the
/// outbox for that: it is deleted last, and when somebody else has deleted it nothing of this has happened.
/// </summary>
internal sealed class InboxContextFactory<TDbContext>(
    TDbContext database, IServiceProvider provider, MessageFormatter formatter, InboxConsumers consumers, MessagingMetrics metrics)
    : IOutboxContextFactory<TDbContext>
    where TDbContext : DbContext
{
    private const string InsertSql = "INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    private const string ConsumeSql = "DELETE FROM messaging.outbox WHERE id = $1 AND message_id = $2";

    // A replica of a version that knows nothing of this may have sent the row to the queue meanwhile.
    private const string ConsumeSharedSql =
        """
        WITH consumed AS (DELETE FROM messaging.outbox WHERE id = $1 AND message_id = $2 RETURNING 1)
        INSERT INTO messaging.inbox (message_id, consumer_id) SELECT $3, $4 FROM consumed ON CONFLICT DO NOTHING
        """;

    private const string DeleteSql = "DELETE FROM messaging.inbox WHERE message_id = $1 AND consumer_id = $2";

    public async Task Send<T>(ConsumeContext<T> context, OutboxConsumeOptions options, IPipe<OutboxConsumeContext<T>> next)
        where T : class
    {
        var key = MessageKeys.InboxKey(context);
        var queue = context.ReceiveContext.InputAddress.GetEndpointName()!;
        var consumer = consumers.IdOf(options.ConsumerId);
        var started = Stopwatch.GetTimestamp();

        context.Reach(Stage.Transaction);
        await using var transaction = await database.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, context.CancellationToken);
        context.Reach(Stage.Inbox);
        var isLocal = context.TryGetPayload<LocalMessage>(out var local);
        if (!isLocal && await ExecuteAsync(transaction, InsertSql, context.CancellationToken, key, consumer) == 0)
        {
            await SkipAsync();
            return;
        }

        var inner = new TransactionalConsumeContext<T>(context, options, provider, database, formatter);
        context.Reach(Stage.Consumer);
        await next.Send(inner);
        if (local is not null)
        {
            if (await ConsumeAsync(transaction, local, inner.PutBack, key, consumer, context.CancellationToken) == 0)
            {
                await SkipAsync();
                return;
            }
        }
        else if (inner.PutBack)
        {
            await ExecuteAsync(transaction, DeleteSql, context.CancellationToken, key, consumer);
        }

        context.Reach(Stage.Commit);
        // The outbox rows are written by the interceptor, together with the commit.
        await transaction.CommitAsync(context.CancellationToken);
        metrics.Consumed(queue);
        if (local is not null)
        {
            local.IsGone = true;
        }

        async Task SkipAsync()
        {
            metrics.Duplicate(queue);
            await transaction.RollbackAsync(context.CancellationToken);
            await context.NotifyConsumed(context, Stopwatch.GetElapsedTime(started), options.ConsumerType);
        }
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("inbox").Add("provider", "postgresql");

    // What is put back has the same key when it comes again: it must not be a duplicate of itself.
    private static Task<int> ConsumeAsync(
        IDbContextTransaction transaction, LocalMessage local, bool putBack, Guid key, Guid consumer, CancellationToken ct) =>
        local.IsShared && !putBack
            ? ExecuteAsync(transaction, ConsumeSharedSql, ct, local.Row.Id, local.Row.MessageId, key, consumer)
            : ExecuteAsync(transaction, ConsumeSql, ct, local.Row.Id, local.Row.MessageId);

    private static Task<int> ExecuteAsync(IDbContextTransaction transaction, string sql, CancellationToken ct, params object?[] values) =>
        ((NpgsqlTransaction)transaction.GetDbTransaction()).Connection!.ExecuteAsync(sql, ct, values);
}
