using Chassis.Data;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Storage;

/// <summary>Removes archived events and closed dead letters after their time, a few hundred at once so that nobody waits for it.</summary>
internal sealed class Retention(NpgsqlDataSource database, IOptions<MessagingOptions> options, TimeProvider clock, ILogger<Retention> logger)
    : PeriodicService(clock, logger)
{
    private const int Batch = 500;

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

    protected override TimeSpan Interval { get; } = TimeSpan.FromHours(1);

    /// <summary>Removes all that is due.</summary>
    public async Task SweepAsync(CancellationToken ct)
    {
        foreach (var (sql, kept) in new[] { (ArchiveSql, options.Value.ArchiveRetention), (DeadLettersSql, options.Value.DeadLetterRetention) })
        {
            while (await DeleteAsync(sql, kept, ct) == Batch)
            {
            }
        }
    }

    protected override Task RunOnceAsync(CancellationToken ct) => SweepAsync(ct);

    private async Task<int> DeleteAsync(string sql, TimeSpan kept, CancellationToken ct)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.AddValue(kept, NpgsqlDbType.Interval);
        command.Parameters.AddValue(Batch);
        return await command.ExecuteNonQueryAsync(ct);
    }
}
