using System.Data.Common;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chassis.Messaging.UnitOfWork;

/// <summary>
/// Ties the outbox to the unit of work. What was published is written when the transaction commits, or in a transaction of its own around
/// SaveChanges when there is none; it is handed to the relay after the real commit, and forgotten on a roll-back.
/// </summary>
internal sealed class OutboxInterceptor(OutboxRelay relay, IOptions<MessagingOptions> options) : SaveChangesInterceptor, IDbTransactionInterceptor
{
    private readonly TimeSpan _lease = options.Value.Lease;

    public override async ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (NeedsTransaction(eventData.Context, out var db, out var buffer))
        {
            await db.Database.BeginTransactionAsync(cancellationToken);
            Own(db, buffer);
        }

        return result;
    }

    public override InterceptionResult<int> SavingChanges(DbContextEventData eventData, InterceptionResult<int> result)
    {
        if (NeedsTransaction(eventData.Context, out var db, out var buffer))
        {
            db.Database.BeginTransaction();
            Own(db, buffer);
        }

        return result;
    }

    public override async ValueTask<int> SavedChangesAsync(SaveChangesCompletedEventData eventData, int result, CancellationToken cancellationToken = default)
    {
        if (OutboxBuffer.Find(eventData.Context) is { OwnsTransaction: true } buffer)
        {
            buffer.OwnsTransaction = false;
            await using var transaction = eventData.Context!.Database.CurrentTransaction!;
            await transaction.CommitAsync(cancellationToken);
        }

        return result;
    }

    public override int SavedChanges(SaveChangesCompletedEventData eventData, int result)
    {
        if (OutboxBuffer.Find(eventData.Context) is { OwnsTransaction: true } buffer)
        {
            buffer.OwnsTransaction = false;
            using var transaction = eventData.Context!.Database.CurrentTransaction!;
            transaction.Commit();
        }

        return result;
    }

    public override void SaveChangesFailed(DbContextErrorEventData eventData) => GiveUp(eventData.Context);

    public override async Task SaveChangesFailedAsync(DbContextErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        if (OutboxBuffer.Find(eventData.Context) is { OwnsTransaction: true } buffer)
        {
            buffer.OwnsTransaction = false;
            await using var transaction = eventData.Context!.Database.CurrentTransaction;
        }
    }

    public override void SaveChangesCanceled(DbContextEventData eventData) => GiveUp(eventData.Context);

    public override Task SaveChangesCanceledAsync(DbContextEventData eventData, CancellationToken cancellationToken = default)
    {
        GiveUp(eventData.Context);
        return Task.CompletedTask;
    }

    public async ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        if (OutboxBuffer.Find(eventData.Context) is not { } buffer || CreateBatch(buffer, transaction) is not { } batch)
        {
            return result;
        }

        // Before the commit is on its way, so that the order of two commits of one key is the order of their registration.
        buffer.Handover = relay.Register(buffer.Written);
        await using (batch)
        {
            await OutboxSql.ExecuteAsync(batch, buffer.Written, cancellationToken);
        }

        return InterceptionResult.Suppress();
    }

    public InterceptionResult TransactionCommitting(DbTransaction transaction, TransactionEventData eventData, InterceptionResult result)
    {
        if (OutboxBuffer.Find(eventData.Context) is not { } buffer || CreateBatch(buffer, transaction) is not { } batch)
        {
            return result;
        }

        buffer.Handover = relay.Register(buffer.Written);
        using (batch)
        {
            OutboxSql.Execute(batch, buffer.Written);
        }

        return InterceptionResult.Suppress();
    }

    public Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        TransactionCommitted(transaction, eventData);
        return Task.CompletedTask;
    }

    public void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData)
    {
        if (OutboxBuffer.Find(eventData.Context) is { } buffer)
        {
            buffer.Handover?.Complete();
            buffer.Handover = null;
            buffer.Clear();
        }
    }

    public Task TransactionRolledBackAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Forget(eventData.Context);
        return Task.CompletedTask;
    }

    public void TransactionRolledBack(DbTransaction transaction, TransactionEndEventData eventData) => Forget(eventData.Context);

    // A commit that failed may have happened nevertheless, when only its answer was lost: the row then waits in the table until its lease has run out.
    public Task TransactionFailedAsync(DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        Forget(eventData.Context);
        return Task.CompletedTask;
    }

    public void TransactionFailed(DbTransaction transaction, TransactionErrorEventData eventData) => Forget(eventData.Context);

    // The commit travels in the batch with the rows, which saves a round trip; EF Core is told that it need not send one.
    private NpgsqlBatch? CreateBatch(OutboxBuffer buffer, DbTransaction transaction)
    {
        var batch = buffer.CreateBatch((NpgsqlConnection)transaction.Connection!, (NpgsqlTransaction)transaction, _lease, relay.IsSurplus);
        batch?.BatchCommands.Add(new NpgsqlBatchCommand("COMMIT"));
        return batch;
    }

    private static bool NeedsTransaction(DbContext? context, out DbContext db, out OutboxBuffer buffer)
    {
        db = context!;
        buffer = OutboxBuffer.Find(context)!;
        return buffer is { IsEmpty: false } && context!.Database.CurrentTransaction is null;
    }

    private static void Own(DbContext db, OutboxBuffer buffer) => buffer.OwnsTransaction = true;

    private static void GiveUp(DbContext? context)
    {
        if (OutboxBuffer.Find(context) is { OwnsTransaction: true } buffer)
        {
            buffer.OwnsTransaction = false;
            context!.Database.CurrentTransaction?.Dispose();
        }
    }

    private static void Forget(DbContext? context)
    {
        if (OutboxBuffer.Find(context) is { } buffer)
        {
            buffer.Handover?.Abandon();
            buffer.Handover = null;
            buffer.Clear();
        }
    }
}
