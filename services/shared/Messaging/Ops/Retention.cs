using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Ops;

/// <summary>Removes archived events and closed dead letters after their time, a few hundred at once so that nobody waits for it.</summary>
internal sealed partial class Retention(NpgsqlDataSource database, IOptions<MessagingOptions> options, TimeProvider clock, ILogger<Retention> logger) : BackgroundService
{
    private const int Batch = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private const string ArchiveSql =
        "DELETE FROM messaging.boundary_events WHERE position = ANY(ARRAY(SELECT position FROM messaging.boundary_events WHERE time < now() - $1 ORDER BY time LIMIT $2))";

    // Closed when the last entry of its history was written.
    private const string DeadLettersSql =
        """
        DELETE FROM messaging.dead_letters WHERE id = ANY(ARRAY(
            SELECT id FROM messaging.dead_letters
            WHERE status <> 'open' AND failed_at < now() - $1 AND coalesce((history->-1->>'at')::timestamptz, failed_at) < now() - $1
            LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    /// <summary>Removes all that is due.</summary>
    public async Task SweepAsync(CancellationToken cancellationToken)
    {
        foreach (var (sql, kept) in new[] { (ArchiveSql, options.Value.ArchiveRetention), (DeadLettersSql, options.Value.DeadLetterRetention) })
        {
            while (await DeleteAsync(sql, kept, cancellationToken) == Batch)
            {
            }
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            try
            {
                await SweepAsync(stoppingToken);
            }
            catch (NpgsqlException e)
            {
                LogFailed(e.Message);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task<int> DeleteAsync(string sql, TimeSpan kept, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.Add(new NpgsqlParameter<TimeSpan> { TypedValue = kept, NpgsqlDbType = NpgsqlDbType.Interval });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Batch });
        return await command.ExecuteNonQueryAsync(cancellationToken);
    }

    [LoggerMessage(2033, LogLevel.Warning, "Old events and dead letters could not be removed: {Reason}")]
    private partial void LogFailed(string reason);
}
