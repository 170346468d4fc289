using Chassis.Web;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>
/// Notices at the start that the data has come to another server, by a restore or a move (<see cref="EventStoreMigration.CreateTransactionClock"/>). Without that,
/// asynchronous projections would skip what is new there, and a rebuild would leave out what is old.
/// </summary>
internal sealed partial class TransactionClock(NpgsqlDataSource dataSource, ILogger<TransactionClock> logger) : IDatabaseMigrator
{
    public async Task MigrateAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand("SELECT event_store.follow_server()");
        if ((long)(await command.ExecuteScalarAsync(cancellationToken))! is var rise and > 0)
        {
            LogMoved(logger, rise);
        }
    }

    [LoggerMessage(3121, LogLevel.Warning, "The events come from another server: the clock of the store has been set on by {Transactions}, so that new events follow old ones.")]
    private static partial void LogMoved(ILogger logger, long transactions);
}
