using System.Data.Common;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Messaging.CrashHost;

/// <summary>Where the process dies, by the signal that nobody can catch.</summary>
public enum Moment
{
    /// <summary>Everything is done, nothing is committed.</summary>
    BeforeCommit,

    /// <summary>Committed, and neither handed to the relay nor acknowledged to the broker.</summary>
    AfterCommit,
}

/// <summary>Kills this process at a moment of the first transaction that touches effects. It stands before the outbox's own interceptor.</summary>
public sealed class DieAt(Moment moment) : DbTransactionInterceptor
{
    public override ValueTask<InterceptionResult> TransactionCommittingAsync(
        DbTransaction transaction, TransactionEventData eventData, InterceptionResult result, CancellationToken cancellationToken = default)
    {
        Die(eventData, Moment.BeforeCommit);
        return ValueTask.FromResult(result);
    }

    public override Task TransactionCommittedAsync(DbTransaction transaction, TransactionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Die(eventData, Moment.AfterCommit);
        return Task.CompletedTask;
    }

    private void Die(TransactionEventData eventData, Moment now)
    {
        if (now == moment && eventData.Context?.ChangeTracker.Entries<Effect>().Any() == true)
        {
            Process.GetCurrentProcess().Kill();
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
