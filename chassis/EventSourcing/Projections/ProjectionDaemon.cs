using Chassis.Data;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>Keeps the asynchronous projections close behind the store, and runs the rebuilds that operators ask for. Several replicas share the work.</summary>
internal sealed partial class ProjectionDaemon(
    NpgsqlDataSource dataSource, EventSerializer serializer, IEnumerable<Projection> projections, ProjectionRebuilder rebuilder, ProjectionMetrics metrics,
    TimeProvider clock, ILogger<ProjectionDaemon> logger) : BackgroundService
{
    private const int BatchSize = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongLag = TimeSpan.FromMinutes(1);

    /// <summary>Applies one batch in one transaction with the checkpoint.</summary>
    /// <returns>Whether there may be more at once.</returns>
    internal async Task<bool> AdvanceAsync(Projection projection, CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await ProjectionStore.LockCheckpointAsync(connection, projection.Name, wait: false, ct) is not { } checkpoint)
        {
            return false;
        }

        var end = await EventSql.LastFinalPositionAsync(connection, ct);
        var batch = await EventSql.ReadBetweenAsync(connection, checkpoint, end, BatchSize, serializer, ct);
        if (batch.Count == 0)
        {
            return false;
        }

        await projection.ApplyAsync(batch, new ProjectionTarget(connection, Shadow: false), ct);
        await ProjectionStore.SaveCheckpointWithoutFlushAsync(connection, projection.Name, batch[^1].Position, ct);
        await transaction.CommitAsync(ct);
        return batch.Count == BatchSize;
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        [
            .. projections.Where(p => p.Mode == ProjectionMode.Asynchronous).Select(p => FollowAsync(p, stoppingToken)),
            RunRebuildsAsync(stoppingToken),
            MeasureAsync(stoppingToken),
        ]);

    private async Task FollowAsync(Projection projection, CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        var failures = 0;
        while (await timer.NextAsync(stoppingToken))
        {
            try
            {
                while (await AdvanceAsync(projection, stoppingToken))
                {
                }

                failures = 0;
                timer.Period = Interval;
            }
            catch (Exception e) when (!stoppingToken.IsCancellationRequested)
            {
                // It stays where it is and tries again, ever more slowly: a projection never skips an event.
                timer.Period = Backoff.Exponential(++failures, Interval * 2, LongestPause);
                LogStuck(logger, e, projection.Name, timer.Period.TotalSeconds);
                await TryQuietlyAsync(() => ProjectionStore.SaveErrorAsync(dataSource, projection.Name, e.Message, stoppingToken));
            }
        }
    }

    private async Task RunRebuildsAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.NextAsync(stoppingToken))
        {
            await TryQuietlyAsync(async () =>
            {
                foreach (var name in await ProjectionStore.OpenRebuildsAsync(dataSource, stoppingToken))
                {
                    if (projections.FirstOrDefault(p => p.Name == name) is { } projection)
                    {
                        await rebuilder.RunAsync(projection, stoppingToken);
                    }
                }
            });
        }
    }

    private async Task MeasureAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(5), clock);
        var told = clock.GetTimestamp();
        while (await timer.NextAsync(stoppingToken))
        {
            await TryQuietlyAsync(async () =>
            {
                var status = await ProjectionStore.StatusAsync(dataSource, projections, stoppingToken);
                metrics.Update(status);
                if (status.FirstOrDefault(s => s.HeldBackBy is not null && s.LagSeconds > LongLag.TotalSeconds) is { } held
                    && clock.GetElapsedTime(told) > LongLag)
                {
                    LogHeldBack(logger, held.Name, held.LagSeconds, held.HeldBackBy!);
                    told = clock.GetTimestamp();
                }
            });
        }
    }

    private async Task TryQuietlyAsync(Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (DatabaseFailure.Is(e) || e is OperationCanceledException)
        {
            // The database is away or the service stops; the next round finds everything as it is.
            LogAway(logger, e.Message);
        }
    }

    [LoggerMessage(3111, LogLevel.Error, "Projection {Projection} cannot go on; next try in {Seconds} s.", EventName = "projection.stuck")]
    private static partial void LogStuck(ILogger logger, Exception exception, string projection, double seconds);

    [LoggerMessage(3113, LogLevel.Warning,
        "Projection {Projection} is {Seconds} s behind: it waits for whoever has stored events and has not committed: {Sessions}.",
        EventName = "projection.held_back")]
    private static partial void LogHeldBack(ILogger logger, string projection, double seconds, string sessions);

    [LoggerMessage(3112, LogLevel.Debug, "Projections wait: {Reason}", EventName = "projection.waits")]
    private static partial void LogAway(ILogger logger, string reason);
}
