using System.Data;
using Chassis.Data;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>Makes a projection anew beside the live one: fills the shadow tables, catches up, compares, swaps. Reads go on all the time.</summary>
internal sealed partial class ProjectionRebuilder(NpgsqlDataSource dataSource, EventSerializer serializer, TimeProvider clock, ILogger<ProjectionRebuilder> logger)
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
    public async Task Run(Projection projection, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        if (!await Call(connection, "pg_try_advisory_lock", projection, cancellationToken))
        {
            return;
        }

        try
        {
            await RunAlone(connection, projection, cancellationToken);
        }
        finally
        {
            if (connection.State == ConnectionState.Open)
            {
                await Call(connection, "pg_advisory_unlock", projection, CancellationToken.None);
            }
        }
    }

    private static async Task<bool> Call(NpgsqlConnection connection, string function, Projection projection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand($"SELECT {function}(hashtextextended('event_store.rebuild.' || $1, 0))", connection)
        {
            Parameters = { new() { Value = projection.Name } },
        };
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private async Task RunAlone(NpgsqlConnection connection, Projection projection, CancellationToken cancellationToken)
    {
        long events = 0;
        try
        {
            await ProjectionStore.SaveRebuild(connection, projection.Name, RebuildState.Running, 0, null, null, null, cancellationToken);
            await connection.ExecuteAsync("SELECT event_store.reset_shadow($1)", cancellationToken, projection.Name);
            var checkpoint = 0L;
            for (var started = clock.GetTimestamp(); ;)
            {
                (checkpoint, events) = await Fill(connection, projection, checkpoint, events, cancellationToken);
                try
                {
                    var (differences, last) = await CatchUpAndSwap(connection, projection, checkpoint, events, cancellationToken);
                    LogRebuilt(logger, projection.Name, last, differences);
                    break;
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable && clock.GetElapsedTime(started) < LongestWait)
                {
                    LogWaiting(logger, projection.Name, Pause.TotalSeconds);
                    await Task.Delay(Pause, clock, cancellationToken);
                }
            }

            await connection.ExecuteAsync("SELECT event_store.reset_shadow($1)", cancellationToken, projection.Name);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogFailed(logger, e, projection.Name);
            await using var fresh = await dataSource.OpenConnectionAsync(cancellationToken);
            await ProjectionStore.SaveRebuild(fresh, projection.Name, RebuildState.Failed, events, null, e.Message, clock.GetUtcNow(), cancellationToken);
        }
    }

    private async Task<(long Checkpoint, long Events)> Fill(
        NpgsqlConnection connection, Projection projection, long checkpoint, long events, CancellationToken cancellationToken)
    {
        while (true)
        {
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var end = await EventSql.LastFinalPosition(connection, cancellationToken);
            var batch = await EventSql.ReadBetween(connection, checkpoint, end, BatchSize, serializer, cancellationToken);
            if (batch.Count > 0)
            {
                await projection.Apply(batch, new ProjectionTarget(connection, Shadow: true), cancellationToken);
                checkpoint = batch[^1].Position;
                events += batch.Count;
                await ProjectionStore.SaveRebuild(connection, projection.Name, RebuildState.Running, events, null, null, null, cancellationToken);
            }

            await transaction.CommitAsync(cancellationToken);
            if (batch.Count < BatchSize)
            {
                return (checkpoint, events);
            }
        }
    }

    /// <summary>
    /// The last bit, while writers of this projection wait and readers do not. Whoever still reads from before, in a transaction of its own, is waited for no longer
    /// than a second: behind the lock for the renaming everybody waits.
    /// </summary>
    private async Task<(long Differences, long Events)> CatchUpAndSwap(
        NpgsqlConnection connection, Projection projection, long checkpoint, long events, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync("SET LOCAL lock_timeout = '30s'", cancellationToken);
        var tables = string.Join(", ", projection.Tables);

        // A vacuum that is under way gives up only after a second (deadlock_timeout). It is sent away first, by locks that nobody else minds: reads and writes would
        // wait behind the stronger ones below.
        await connection.ExecuteAsync(
            $"LOCK TABLE {string.Join(", ", projection.Tables.Select(t => t + ProjectionTarget.ShadowSuffix))} IN ACCESS EXCLUSIVE MODE", cancellationToken);
        await connection.ExecuteAsync($"LOCK TABLE {tables} IN SHARE UPDATE EXCLUSIVE MODE", cancellationToken);
        await connection.ExecuteAsync("SET LOCAL lock_timeout = '1s'", cancellationToken);
        long bound;
        if (projection.Mode == ProjectionMode.Consistent)
        {
            // Whoever has written its events has committed; whoever has not yet written to the table will find the new one behind the name.
            await connection.ExecuteAsync($"LOCK TABLE {tables} IN EXCLUSIVE MODE", cancellationToken);
            bound = long.MaxValue;
        }
        else
        {
            var live = await ProjectionStore.LockCheckpoint(connection, projection.Name, wait: true, cancellationToken)
                ?? throw new InvalidOperationException($"Projection {projection.Name} has no checkpoint: its migration is missing.");
            bound = await EventSql.LastFinalPosition(connection, cancellationToken);
            await Advance(connection, projection, shadow: false, live, bound, cancellationToken);
        }

        var (end, late) = await Advance(connection, projection, shadow: true, checkpoint, bound, cancellationToken);
        if (projection.Mode == ProjectionMode.Asynchronous)
        {
            await ProjectionStore.SaveCheckpoint(connection, projection.Name, end, cancellationToken);
        }

        await projection.Complete(new ProjectionTarget(connection, Shadow: true), cancellationToken);
        var differences = await Compare(connection, projection, cancellationToken);
        await connection.ExecuteAsync("SELECT event_store.swap_shadow($1)", cancellationToken, projection.Name);
        await ProjectionStore.SaveRebuild(
            connection, projection.Name, RebuildState.Completed, events + late, differences, null, clock.GetUtcNow(), cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (differences, events + late);
    }

    private async Task<(long End, long Events)> Advance(
        NpgsqlConnection connection, Projection projection, bool shadow, long checkpoint, long bound, CancellationToken cancellationToken)
    {
        long events = 0;
        while (true)
        {
            var batch = await EventSql.ReadBetween(connection, checkpoint, bound, BatchSize, serializer, cancellationToken);
            if (batch.Count == 0)
            {
                return (checkpoint, events);
            }

            await projection.Apply(batch, new ProjectionTarget(connection, shadow), cancellationToken);
            checkpoint = batch[^1].Position;
            events += batch.Count;
        }
    }

    /// <summary>Row by row along the primary key, in one pass: writers wait meanwhile.</summary>
    private static async Task<long> Compare(NpgsqlConnection connection, Projection projection, CancellationToken cancellationToken)
    {
        await connection.ExecuteAsync("SET LOCAL work_mem = '64MB'", cancellationToken);
        long differences = 0;
        foreach (var table in projection.Tables)
        {
            await using var command = new NpgsqlCommand(
                $"SELECT count(*) FROM {table} live FULL JOIN {table + ProjectionTarget.ShadowSuffix} rebuilt USING ({await KeyOf(connection, table, cancellationToken)}) WHERE live IS DISTINCT FROM rebuilt",
                connection);
            differences += (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        }

        return differences;
    }

    private static async Task<string> KeyOf(NpgsqlConnection connection, string table, CancellationToken cancellationToken)
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
        return await command.ExecuteScalarAsync(cancellationToken) as string
            ?? throw new InvalidOperationException($"{table} has no primary key, by which its rows could be compared.");
    }

    [LoggerMessage(3101, LogLevel.Information, "Projection {Projection} rebuilt from {Events} events; {Differences} rows differed from the live tables.")]
    private static partial void LogRebuilt(ILogger logger, string projection, long events, long differences);

    [LoggerMessage(3103, LogLevel.Warning, "The rebuilt projection {Projection} cannot be swapped in while somebody reads or locks the live tables; next try in {Seconds} s.")]
    private static partial void LogWaiting(ILogger logger, string projection, double seconds);

    [LoggerMessage(3102, LogLevel.Error, "Rebuild of projection {Projection} failed; the live tables stay as they are.")]
    private static partial void LogFailed(ILogger logger, Exception exception, string projection);
}
