using System.Data.Common;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Chassis.Data;

/// <summary>
/// EF Core puts a savepoint around every SaveChanges inside a transaction, for whoever goes on after a failed statement. Nobody does here: a unit
/// of work that fails is rolled back as a whole, and two round trips are saved each time.
/// </summary>
internal sealed class WithoutSavepoints : DbTransactionInterceptor
{
    public static readonly WithoutSavepoints Instance = new();

    private WithoutSavepoints()
    {
    }

    public override DbTransaction TransactionStarted(DbConnection connection, TransactionEndEventData eventData, DbTransaction result)
    {
        eventData.Context!.Database.AutoSavepointsEnabled = false;
        return result;
    }

    public override ValueTask<DbTransaction> TransactionStartedAsync(
        DbConnection connection, TransactionEndEventData eventData, DbTransaction result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(TransactionStarted(connection, eventData, result));
}
