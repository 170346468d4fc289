using System.Data;
using System.Diagnostics;
using Chassis.Messaging.Endpoints;
using Chassis.Messaging.Outbox;
using Chassis.Messaging.Wire;
using MassTransit;
using MassTransit.Middleware;
using MassTransit.Transports;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace Chassis.Messaging.Inbox;

/// <summary>
/// One transaction per consumed message. Its first statement is the inbox row: when that is there already the message is a duplicate and is only
/// acknowledged; when another transaction is about to write it, the statement waits for the outcome.
/// </summary>
internal sealed class InboxContextFactory<TDbContext>(TDbContext database, IServiceProvider provider, MessageFormatter formatter, MessagingMetrics metrics)
    : IOutboxContextFactory<TDbContext>
    where TDbContext : DbContext
{
    private const string InsertSql = "INSERT INTO messaging.inbox (message_id, consumer_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    private const string DeleteSql = "DELETE FROM messaging.inbox WHERE message_id = $1 AND consumer_id = $2";

    public async Task Send<T>(ConsumeContext<T> context, OutboxConsumeOptions options, IPipe<OutboxConsumeContext<T>> next)
        where T : class
    {
        var key = MessageKeys.InboxKey(context);
        var queue = context.ReceiveContext.InputAddress.GetEndpointName()!;
        var started = Stopwatch.GetTimestamp();

        context.Reach(Stage.Transaction);
        await using var transaction = await database.Database.BeginTransactionAsync(IsolationLevel.ReadCommitted, context.CancellationToken);
        context.Reach(Stage.Inbox);
        if (await ExecuteAsync(transaction, InsertSql, key, options.ConsumerId, context.CancellationToken) == 0)
        {
            metrics.Duplicate(queue);
            await transaction.RollbackAsync(context.CancellationToken);
            await context.NotifyConsumed(context, Stopwatch.GetElapsedTime(started), options.ConsumerType);
            return;
        }

        var inner = new TransactionalConsumeContext<T>(context, options, provider, database, formatter);
        context.Reach(Stage.Consumer);
        await next.Send(inner);
        if (inner.PutBack)
        {
            await ExecuteAsync(transaction, DeleteSql, key, options.ConsumerId, context.CancellationToken);
        }

        context.Reach(Stage.Commit);
        // The outbox rows are written by the interceptor, together with the commit.
        await transaction.CommitAsync(context.CancellationToken);
        metrics.Consumed(queue);
    }

    public void Probe(ProbeContext context) => context.CreateFilterScope("inbox").Add("provider", "postgresql");

    private static async Task<int> ExecuteAsync(IDbContextTransaction transaction, string sql, Guid key, Guid consumer, CancellationToken cancellationToken)
    {
        var dbTransaction = (NpgsqlTransaction)transaction.GetDbTransaction();
        await using var command = new NpgsqlCommand(sql, dbTransaction.Connection, dbTransaction)
        {
            Parameters = { new NpgsqlParameter<Guid> { TypedValue = key }, new NpgsqlParameter<Guid> { TypedValue = consumer } },
        };
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
