using Chassis.Data;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Storage;

/// <summary>
/// Removes archived events, closed dead letters and ended retries after their time, and what dropped ones said; a few hundred at once so that nobody waits for
/// it.
/// </summary>
internal sealed class Retention(NpgsqlDataSource database, IOptions<MessagingOptions> options, TimeProvider clock, ILogger<Retention> logger)
    : PeriodicService(clock, logger)
{
    private const int Batch = 500;

    private const string Archive = "messaging.boundary_events";

    private static readonly string ArchiveSql =
        $"""
        DELETE FROM messaging.boundary_events WHERE event_id = ANY(ARRAY(
            SELECT event_id FROM messaging.boundary_events WHERE time < now() - $1 AND {Partitions.OutsideOf(Archive, "event_id")} ORDER BY time LIMIT $2))
        """;

    // Closed when the last entry of its history was written.
    private const string DeadLettersSql =
        """
        DELETE FROM messaging.dead_letters WHERE id = ANY(ARRAY(
            SELECT id FROM messaging.dead_letters
            WHERE status NOT IN ('open', 'parked') AND failed_at < now() - $1 AND coalesce((history->-1->>'at')::timestamptz, failed_at) < now() - $1
            LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    private const string RetriesSql =
        "DELETE FROM messaging.retries WHERE id = ANY(ARRAY(SELECT id FROM messaging.retries WHERE closed_at < now() - $1 ORDER BY closed_at LIMIT $2))";

    // One that has come back is open, whichever version has stored it. An exception and a note may quote the message, and without its body no erasure would
    // find them. That it was there, and who dropped it, stays.
    private const string DroppedSql =
        """
        UPDATE messaging.dead_letters SET body = '', headers = '{}', exception_message = NULL, stack_trace = NULL, notes = '[]', deleted_at = NULL,
            history = (SELECT coalesce(jsonb_agg(CASE WHEN entry->>'event' = 'failed' THEN entry - 'message' ELSE entry - 'reason' END ORDER BY place), '[]')
                FROM jsonb_array_elements(history) WITH ORDINALITY AS h (entry, place))
        WHERE id = ANY(ARRAY(SELECT id FROM messaging.dead_letters WHERE status = 'deleted' AND deleted_at < now() - $1 ORDER BY deleted_at LIMIT $2 FOR UPDATE SKIP LOCKED))
        """;

    protected override TimeSpan Interval { get; } = TimeSpan.FromHours(1);

    /// <summary>Removes all that is due.</summary>
    public async Task SweepAsync(CancellationToken ct)
    {
        (string, TimeSpan)[] sweeps =
        [
            (ArchiveSql, options.Value.ArchiveRetention), (DeadLettersSql, options.Value.DeadLetterRetention),
            (RetriesSql, options.Value.DeadLetterRetention), (DroppedSql, options.Value.DeadLetterUndo),
        ];
        foreach (var (sql, kept) in sweeps)
        {
            while (await RunAsync(sql, kept, ct) == Batch)
            {
            }
        }

        await database.DropPartitionsAsync(Archive, options.Value.ArchiveRetention, ct);
    }

    protected override Task RunOnceAsync(CancellationToken ct) => SweepAsync(ct);

    private async Task<int> RunAsync(string sql, TimeSpan kept, CancellationToken ct)
    {
        await using var command = database.CreateCommand(sql);
        command.Parameters.AddValue(kept, NpgsqlDbType.Interval);
        command.Parameters.AddValue(Batch);
        return await command.ExecuteNonQueryAsync(ct);
    }
}
