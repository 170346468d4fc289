using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>The table of checkpoints and rebuilds.</summary>
internal static class ProjectionStore
{
    /// <summary>The position of the last event that the projection has applied, locked; null while another replica is at it, unless this one waits.</summary>
    public static async Task<long?> LockCheckpointAsync(NpgsqlConnection connection, string name, bool wait, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"SELECT position FROM event_store.projections WHERE name = $1 FOR UPDATE {(wait ? "" : "SKIP LOCKED")}", connection)
        {
            Parameters = { new() { Value = name } },
        };
        return (long?)await command.ExecuteScalarAsync(ct);
    }

    public static Task SaveCheckpointAsync(NpgsqlConnection connection, string name, long position, CancellationToken ct) =>
        connection.ExecuteAsync("UPDATE event_store.projections SET position = $2, error = NULL WHERE name = $1", ct, name, position);

    /// <summary>The same, in a transaction whose commit may be forgotten: then its events are applied again.</summary>
    public static Task SaveCheckpointWithoutFlushAsync(NpgsqlConnection connection, string name, long position, CancellationToken ct) =>
        connection.ExecuteAsync(
            $"UPDATE event_store.projections SET position = $2, error = NULL FROM ({Flush.NotAwaited}) AS flush WHERE name = $1", ct, name, position);

    public static Task SaveErrorAsync(NpgsqlDataSource dataSource, string name, string? error, CancellationToken ct) =>
        dataSource.ExecuteAsync("UPDATE event_store.projections SET error = $2 WHERE name = $1", ct, name, error);

    /// <returns>False when a rebuild is under way already.</returns>
    public static async Task<bool> RequestRebuildAsync(DbContext db, string name, DateTimeOffset now, CancellationToken ct) =>
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE event_store.projections
            SET rebuild_state = 'requested', rebuild_requested_at = {now}, rebuild_finished_at = NULL, rebuild_events = 0, rebuild_differences = NULL, rebuild_error = NULL,
                rebuild_started_at = NULL, rebuild_position = 0, rebuild_target = NULL
            WHERE name = {name} AND (rebuild_state IS NULL OR rebuild_state NOT IN ('requested', 'running'))
            """,
            ct) == 1;

    public static async Task<IReadOnlyList<string>> OpenRebuildsAsync(NpgsqlDataSource dataSource, CancellationToken ct)
    {
        await using var command = dataSource.CreateCommand(
            "SELECT name FROM event_store.projections WHERE rebuild_state IN ('requested', 'running') ORDER BY rebuild_requested_at");
        await using var reader = await command.ExecuteReaderAsync(ct);
        var names = new List<string>();
        while (await reader.ReadAsync(ct))
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    public static Task<int> SaveRebuildAsync(
        NpgsqlConnection connection,
        string name,
        RebuildState state,
        long events,
        long? differences,
        string? error,
        DateTimeOffset? finishedAt,
        CancellationToken ct) =>
        connection.ExecuteAsync(
            """
            UPDATE event_store.projections
            SET rebuild_state = $2, rebuild_events = $3, rebuild_differences = $4::bigint, rebuild_error = $5::text, rebuild_finished_at = $6::timestamptz
            WHERE name = $1
            """,
            ct,
            name, state.ToString().ToLowerInvariant(), events, differences, error, finishedAt);

    /// <summary>Begins the count of its progress anew.</summary>
    public static Task<int> StartRebuildAsync(NpgsqlConnection connection, string name, DateTimeOffset now, CancellationToken ct) =>
        connection.ExecuteAsync(
            "UPDATE event_store.projections SET rebuild_started_at = $2, rebuild_position = 0, rebuild_target = NULL WHERE name = $1", ct, name, now);

    public static Task<int> SaveProgressAsync(NpgsqlConnection connection, string name, long position, long target, CancellationToken ct) =>
        connection.ExecuteAsync("UPDATE event_store.projections SET rebuild_position = $2, rebuild_target = $3 WHERE name = $1", ct, name, position, target);

    public static async Task<IReadOnlyList<ProjectionStatus>> StatusAsync(
        NpgsqlDataSource dataSource, IEnumerable<Projection> projections, CancellationToken ct)
    {
        var modes = projections.ToDictionary(p => p.Name, p => p.Mode);
        await using var command = dataSource.CreateCommand(
            """
            SELECT p.name, p.position, coalesce((SELECT max(position) FROM event_store.events), 0), behind.events, coalesce(behind.seconds, 0)::float8,
                   CASE WHEN behind.events > 0 THEN (
                       SELECT string_agg(CASE WHEN pid IS NULL THEN 'a prepared transaction' ELSE format('session %s of %s (%s)', pid, a.usename, a.application_name) END, ', ')
                       FROM event_store.writers LEFT JOIN pg_stat_activity a USING (pid)) END,
                   p.error, p.rebuild_state, p.rebuild_requested_at, p.rebuild_finished_at, p.rebuild_events, p.rebuild_differences, p.rebuild_error,
                   p.rebuild_started_at, p.rebuild_position, p.rebuild_target
            FROM event_store.projections p,
            LATERAL (
                SELECT count(*) AS events, extract(epoch FROM clock_timestamp() - min(recorded_at)) AS seconds
                FROM (SELECT recorded_at FROM event_store.events e WHERE p.name = ANY($1) AND e.position > p.position LIMIT 10001) AS unread
            ) AS behind
            ORDER BY p.name
            """);
        command.Parameters.AddValue(modes.Where(m => m.Value == ProjectionMode.Asynchronous).Select(m => m.Key).ToArray());
        await using var reader = await command.ExecuteReaderAsync(ct);
        var result = new List<ProjectionStatus>();
        while (await reader.ReadAsync(ct))
        {
            if (modes.TryGetValue(reader.GetString(0), out var mode))
            {
                var head = reader.GetInt64(2);
                result.Add(new ProjectionStatus(
                    reader.GetString(0), mode, mode == ProjectionMode.Consistent
                        ? head
                        : reader.GetInt64(1), head, reader.GetInt64(3), Math.Round(reader.GetDouble(4), 3),
                    Text(reader, 5), Text(reader, 6), ReadRebuild(reader)));
            }
        }

        return result;
    }

    private static RebuildStatus? ReadRebuild(NpgsqlDataReader reader)
    {
        if (reader.IsDBNull(7))
        {
            return null;
        }

        var (state, position) = (Enum.Parse<RebuildState>(reader.GetString(7), ignoreCase: true), reader.GetInt64(14));
        long? target = reader.IsDBNull(15) ? null : reader.GetInt64(15);
        return new RebuildStatus(
            state,
            reader.GetFieldValue<DateTimeOffset>(8),
            Time(reader, 9),
            reader.GetInt64(10),
            reader.IsDBNull(11) ? null : reader.GetInt64(11),
            Text(reader, 12),
            Time(reader, 13),
            position,
            target,
            RebuildStatus.PercentOf(state, position, target));
    }

    private static DateTimeOffset? Time(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetFieldValue<DateTimeOffset>(column);

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
