using System.Data;
using Chassis.Data;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>Makes a projection anew beside the live one: fills the shadow tables, catches up, compares, swaps. Reads go on all the time.</summary>
internal sealed partial class ProjectionRebuilder(
    NpgsqlDataSource dataSource, EventSerializer serializer, TimeProvider clock, ILogger<ProjectionRebuilder> logger)
{
    private const int BatchSize = 1_000;

    /// <summary>How long a swap that meets a long reader, a backup for one, is tried again before the rebuild fails.</summary>
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    /// <summary>Between two tries, in which everybody who waited behind the last one gets through.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Runs the rebuild, unless another replica is at it: the lock is the session's, over many transactions, so that a replica that dies leaves it to the next.
    /// It is let go here, because the pool hands sessions on as they are.
    /// </summary>
    public async Task RunAsync(Projection projection, CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct);
        if (!await CallAsync(connection, "pg_try_advisory_lock", projection, ct))
        {
            return;
        }

        try
        {
            await RunAloneAsync(connection, projection, ct);
        }
        finally
        {
            if (connection.State == ConnectionState.Open)
            {
                await CallAsync(connection, "pg_advisory_unlock", projection, CancellationToken.None);
            }
        }
    }

    private static async Task<bool> CallAsync(NpgsqlConnection connection, string function, Projection projection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand($"SELECT {function}(hashtextextended('event_store.rebuild.' || $1, 0))", connection)
        {
            Parameters = { new() { Value = projection.Name } },
        };
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private async Task RunAloneAsync(NpgsqlConnection connection, Projection projection, CancellationToken ct)
    {
        long events = 0;
        try
        {
            await ProjectionStore.SaveRebuildAsync(connection, projection.Name, RebuildState.Running, 0, null, null, null, ct);
            await ProjectionStore.StartRebuildAsync(connection, projection.Name, clock.GetUtcNow(), ct);
            await connection.ExecuteAsync("SELECT event_store.reset_shadow($1)", ct, projection.Name);
            var checkpoint = 0L;
            for (var started = clock.GetTimestamp(); ;)
            {
                (checkpoint, events) = await FillAsync(connection, projection, checkpoint, events, ct);
                try
                {
                    var (differences, last) = await CatchUpAndSwapAsync(connection, projection, checkpoint, events, ct);
                    LogRebuilt(logger, projection.Name, last, differences);
                    break;
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && clock.GetElapsedTime(started) < LongestWait)
                {
                    LogWaiting(logger, projection.Name, Pause.TotalSeconds);
                    await Task.Delay(Pause, clock, ct);
                }
            }

            await connection.ExecuteAsync("SELECT event_store.reset_shadow($1)", ct, projection.Name);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(logger, e, projection.Name);
            await using var fresh = await dataSource.OpenConnectionAsync(ct);
            await ProjectionStore.SaveRebuildAsync(fresh, projection.Name, RebuildState.Failed, events, null, e.Message, clock.GetUtcNow(), ct);
        }
    }

    private async Task<(long Checkpoint, long Events)> FillAsync(
        NpgsqlConnection connection, Projection projection, long checkpoint, long events, CancellationToken ct)
    {
        while (true)
        {
            await using var transaction = await connection.BeginTransactionAsync(ct);
            var end = await EventSql.LastFinalPositionAsync(connection, ct);
            var batch = await EventSql.ReadBetweenAsync(connection, checkpoint, end, BatchSize, serializer, ct);
            if (batch.Count > 0)
            {
                await projection.ApplyAsync(batch, new ProjectionTarget(connection, Shadow: true), ct);
                checkpoint = batch[^1].Position;
                events += batch.Count;
                await ProjectionStore.SaveRebuildAsync(connection, projection.Name, RebuildState.Running, events, null, null, null, ct);
                await ProjectionStore.SaveProgressAsync(connection, projection.Name, checkpoint, end, ct);
            }

            await transaction.CommitAsync(ct);
            if (batch.Count < BatchSize)
            {
                return (checkpoint, events);
            }
        }
    }

    /// <summary>
    /// The last bit, while writers of this projection wait and readers do not. Whoever still reads from before, in a transaction of its own, is waited for no
    /// longer than a second: behind the lock for the renaming everybody waits.
    /// </summary>
    private async Task<(long Differences, long Events)> CatchUpAndSwapAsync(
        NpgsqlConnection connection, Projection projection, long checkpoint, long events, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await connection.ExecuteAsync("SET LOCAL lock_timeout = '30s'", ct);
        var tables = string.Join(", ", projection.Tables);

        // A vacuum that is under way gives up only after a second (deadlock_timeout). It is sent away first, by locks that nobody else minds: reads and writes
        // would wait behind the stronger ones below.
        await connection.ExecuteAsync(
            $"LOCK TABLE {string.Join(", ", projection.Tables.Select(t => t + ProjectionTarget.ShadowSuffix))} IN ACCESS EXCLUSIVE MODE", ct);
        await connection.ExecuteAsync($"LOCK TABLE {tables} IN SHARE UPDATE EXCLUSIVE MODE", ct);
        await connection.ExecuteAsync("SET LOCAL lock_timeout = '1s'", ct);
        long bound;
        if (projection.Mode == ProjectionMode.Consistent)
        {
            // Whoever has written its events has committed; whoever has not yet written to the table will find the new one behind the name.
            await connection.ExecuteAsync($"LOCK TABLE {tables} IN EXCLUSIVE MODE", ct);
            bound = long.MaxValue;
        }
        else
        {
            var live = await ProjectionStore.LockCheckpointAsync(connection, projection.Name, wait: true, ct)
                ?? throw new InvalidOperationException($"Projection {projection.Name} has no checkpoint: its migration is missing.");
            bound = await EventSql.LastFinalPositionAsync(connection, ct);
            await AdvanceAsync(connection, projection, shadow: false, live, bound, ct);
        }

        var (end, late) = await AdvanceAsync(connection, projection, shadow: true, checkpoint, bound, ct);
        if (projection.Mode == ProjectionMode.Asynchronous)
        {
            await ProjectionStore.SaveCheckpointAsync(connection, projection.Name, end, ct);
        }

        await projection.CompleteAsync(new ProjectionTarget(connection, Shadow: true), ct);
        var differences = await CompareAsync(connection, projection, ct);
        await connection.ExecuteAsync("SELECT event_store.swap_shadow($1)", ct, projection.Name);
        await ProjectionStore.SaveRebuildAsync(
            connection, projection.Name, RebuildState.Completed, events + late, differences, null, clock.GetUtcNow(), ct);
        await ProjectionStore.SaveProgressAsync(connection, projection.Name, end, end, ct);
        await transaction.CommitAsync(ct);
        return (differences, events + late);
    }

    private async Task<(long End, long Events)> AdvanceAsync(
        NpgsqlConnection connection, Projection projection, bool shadow, long checkpoint, long bound, CancellationToken ct)
    {
        long events = 0;
        while (true)
        {
            var batch = await EventSql.ReadBetweenAsync(connection, checkpoint, bound, BatchSize, serializer, ct);
            if (batch.Count == 0)
            {
                return (checkpoint, events);
            }

            await projection.ApplyAsync(batch, new ProjectionTarget(connection, shadow), ct);
            checkpoint = batch[^1].Position;
            events += batch.Count;
        }
    }

    /// <summary>Row by row along the primary key, in one pass: writers wait meanwhile.</summary>
    private static async Task<long> CompareAsync(NpgsqlConnection connection, Projection projection, CancellationToken ct)
    {
        await connection.ExecuteAsync("SET LOCAL work_mem = '64MB'", ct);
        long differences = 0;
        foreach (var table in projection.Tables)
        {
            await using var command = new NpgsqlCommand(
                $"SELECT count(*) FROM {table} live FULL JOIN {table + ProjectionTarget.ShadowSuffix} rebuilt USING ({await KeyOfAsync(connection, table, ct)}) WHERE live IS DISTINCT FROM rebuilt",
                connection);
            differences += (long)(await command.ExecuteScalarAsync(ct))!;
        }

        return differences;
    }

    private static async Task<string> KeyOfAsync(NpgsqlConnection connection, string table, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT string_agg(quote_ident(a.attname), ', ') FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
            WHERE i.indrelid = $1::regclass AND i.indisprimary
            """,
            connection)
        {
            Parameters = { new() { Value = table } },
        };
        return await command.ExecuteScalarAsync(ct) as string
            ?? throw new InvalidOperationException($"{table} has no primary key, by which its rows could be compared.");
    }

    [LoggerMessage(3101, LogLevel.Information, "Projection {Projection} rebuilt from {Events} events; {Differences} rows differed from the live tables.",
        EventName = "projection.rebuilt")]
    private static partial void LogRebuilt(ILogger logger, string projection, long events, long differences);

    [LoggerMessage(3103, LogLevel.Warning,
        "The rebuilt projection {Projection} cannot be swapped in while somebody reads or locks the live tables; next try in {Seconds} s.",
        EventName = "projection.swap_waits")]
    private static partial void LogWaiting(ILogger logger, string projection, double seconds);

    [LoggerMessage(3102, LogLevel.Error, "Rebuild of projection {Projection} failed; the live tables stay as they are.",
        EventName = "projection.rebuild_failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string projection);
}
