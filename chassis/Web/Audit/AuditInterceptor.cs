using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Npgsql;

namespace Chassis.Web;

/// <summary>
/// Whatever an operator's request commits, it commits together with its record. Registered before every other interceptor, one of which commits by itself.
/// </summary>
internal sealed class AuditInterceptor(AuditTrail trail) : DbTransactionInterceptor, ISaveChangesInterceptor
{
    /// <summary>A single statement is a transaction of its own to the database, with no moment before its commit: EF Core has to begin one.</summary>
    public ValueTask<InterceptionResult<int>> SavingChangesAsync(
        DbContextEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        if (trail.IsDue)
        {
            eventData.Context!.Database.AutoTransactionBehavior = AutoTransactionBehavior.Always;
        }

        return ValueTask.FromResult(result);
    }

    public override async ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        await trail.JoinAsync((NpgsqlTransaction)transaction, cancellationToken);
        return result;
    }

    public override InterceptionResult TransactionCommitting(DbTransaction transaction, TransactionEventData eventData, InterceptionResult result) =>
        trail.IsDue ? throw new InvalidOperationException("What operators change is committed asynchronously.") : result;

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        trail.Joined(committed: true);
        return Task.CompletedTask;
    }

    public override Task TransactionRolledBackAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        trail.Joined(committed: false);
        return Task.CompletedTask;
    }

    public override Task TransactionFailedAsync(DbTransaction transaction, TransactionErrorEventData eventData, CancellationToken cancellationToken = default)
    {
        trail.Joined(committed: false);
        return Task.CompletedTask;
    }
}
