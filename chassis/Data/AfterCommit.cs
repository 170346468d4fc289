using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Chassis.Data;

/// <summary>
/// What is done when a unit of work is committed, and never otherwise: a count of what happened counts neither what was rolled back nor a retry.
/// </summary>
public static class AfterCommit
{
    private static readonly ConditionalWeakTable<DbContext, List<(Guid Transaction, Action Action)>> Waiting = [];

    /// <summary>Does something once the transaction that is open on the context is committed.</summary>
    /// <param name="db">The unit of work.</param>
    /// <param name="action">Cannot fail, and does not wait: what is committed stays so, and somebody waits for the answer.</param>
    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    public static void OnCommitted(this DbContext db, Action action)
    {
        var transaction = db.Database.CurrentTransaction
            ?? throw new InvalidOperationException("What waits for a commit needs a transaction.");
        Waiting.GetOrCreateValue(db).Add((transaction.TransactionId, action));
    }

    // Contexts are pooled, and not every transaction says that it was given up: what belongs to another one than has just been committed is nobody's.
    private static void Committed(DbContext? db, Guid transaction)
    {
        if (db is null || !Waiting.TryGetValue(db, out var waiting) || waiting.Count == 0)
        {
            return;
        }

        foreach (var (owner, action) in waiting)
        {
            if (owner == transaction)
            {
                action();
            }
        }

        waiting.Clear();
    }

    internal sealed class Interceptor : DbTransactionInterceptor
    {
        public static readonly Interceptor Instance = new();

        private Interceptor()
        {
        }

        public override void TransactionCommitted(DbTransaction transaction, TransactionEndEventData eventData) =>
            Committed(eventData.Context, eventData.TransactionId);

        public override Task TransactionCommittedAsync(
            DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            Committed(eventData.Context, eventData.TransactionId);
            return Task.CompletedTask;
        }
    }
}
