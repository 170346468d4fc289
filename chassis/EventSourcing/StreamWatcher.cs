using System.Collections.Concurrent;
using Chassis.Data;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>
/// Tells readers in this process when a stream has grown, whichever replica wrote to it. One query per interval for all readers together and none without
/// readers; not LISTEN/NOTIFY, because every NOTIFY takes a lock for the whole database until its transaction has committed, which ends group commit.
/// </summary>
public sealed partial class StreamWatcher(NpgsqlDataSource dataSource, TimeProvider clock, ILogger<StreamWatcher> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<Guid, Watch> _watches = new();

    /// <summary>
    /// Completes with true as soon as the stream has a version above <paramref name="version"/>, or with false after <paramref name="patience"/>.
    /// </summary>
    public async Task<bool> WaitForVersionAboveAsync(Guid streamId, long version, TimeSpan patience, CancellationToken ct)
    {
        var watch = _watches.AddOrUpdate(streamId, _ => new Watch(1), (_, w) => w with { Readers = w.Readers + 1 });
        try
        {
            while (_watches[streamId] is var current && current.Version <= version)
            {
                await current.Grown.Task.WaitAsync(patience, clock, ct);
            }

            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            Leave(streamId);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.NextAsync(stoppingToken))
        {
            if (!_watches.IsEmpty)
            {
                await LookAsync(stoppingToken);
            }
        }
    }

    private async Task LookAsync(CancellationToken ct)
    {
        try
        {
            await using var command = dataSource.CreateCommand(
                """
                SELECT s.id, last.version FROM unnest($1::uuid[]) AS s(id),
                LATERAL (SELECT version FROM event_store.events WHERE stream_id = s.id ORDER BY version DESC LIMIT 1) AS last
                """);
            command.Parameters.AddValue(_watches.Keys.ToArray());
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                Advance(reader.GetGuid(0), reader.GetInt64(1));
            }
        }
        catch (Exception e) when (DatabaseFailure.Is(e))
        {
            LogAway(logger, e.Message);
        }
    }

    private void Advance(Guid streamId, long version)
    {
        while (_watches.TryGetValue(streamId, out var watch) && watch.Version < version)
        {
            if (_watches.TryUpdate(streamId, watch with { Version = version, Grown = NewSignal() }, watch))
            {
                watch.Grown.TrySetResult();
                return;
            }
        }
    }

    private void Leave(Guid streamId)
    {
        while (_watches.TryGetValue(streamId, out var watch))
        {
            var left = watch.Readers == 1
                ? _watches.TryRemove(new KeyValuePair<Guid, Watch>(streamId, watch))
                : _watches.TryUpdate(streamId, watch with { Readers = watch.Readers - 1 }, watch);
            if (left)
            {
                return;
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [LoggerMessage(3121, LogLevel.Debug, "Streams cannot be watched right now: {Reason}", EventName = "streams.watch_waits")]
    private static partial void LogAway(ILogger logger, string reason);

    private sealed record Watch(int Readers)
    {
        public long Version { get; init; }

        public TaskCompletionSource Grown { get; init; } = NewSignal();
    }
}
