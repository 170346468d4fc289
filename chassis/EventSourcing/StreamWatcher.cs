using System.Buffers.Binary;
using System.Collections.Concurrent;
using Chassis.Data;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>
/// Tells readers in this process when a stream has grown, whichever replica wrote to it. Who has committed says so on the service's event bus; and the
/// database is looked into, since what goes by the bus may be lost: every two seconds where all replicas share a bus that is up, else every 200 ms. One query
/// per look for all readers together and none without readers; not LISTEN/NOTIFY, because every NOTIFY takes a lock for the whole database until its
/// transaction has committed, which ends group commit. ADR: docs/adr/0041-what-replicas-share-may-be-lost.md.
/// </summary>
public sealed partial class StreamWatcher(NpgsqlDataSource dataSource, IEventBus bus, TimeProvider clock, ILogger<StreamWatcher> logger) : BackgroundService
{
    private const string Topic = "streams";
    private const int TicksBetweenLooks = 10;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<Guid, Watch> _watches = new();

    /// <summary>
    /// Completes with true as soon as the stream has a version above <paramref name="version"/>, or with false after <paramref name="patience"/>.
    /// </summary>
    public async Task<bool> WaitForVersionAboveAsync(Guid streamId, long version, TimeSpan patience, CancellationToken ct)
    {
        _watches.AddOrUpdate(streamId, _ => new Watch(1), (_, w) => w with { Readers = w.Readers + 1 });
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

    /// <summary>Says to all replicas that a stream has grown. To be called after the commit; neither waits nor fails.</summary>
    internal void Announce(Guid streamId, long version)
    {
        var body = new byte[24];
        streamId.TryWriteBytes(body);
        BinaryPrimitives.WriteInt64BigEndian(body.AsSpan(16), version);
        bus.Publish(Topic, body);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var subscription = bus.Subscribe(Topic, Hear);
        using var timer = new PeriodicTimer(Tick, clock);
        for (var ticks = 0; await timer.NextAsync(stoppingToken); ticks++)
        {
            var isTime = ticks % TicksBetweenLooks == 0 || bus is not { IsShared: true, Health.IsUp: true };
            // Between a reader's own look and the first of ours nobody has listened for it.
            var streams = (isTime ? _watches : _watches.Where(w => !w.Value.IsLookedAt)).Select(w => w.Key).ToArray();
            if (streams.Length > 0)
            {
                await LookAsync(streams, stoppingToken);
            }
        }
    }

    private void Hear(ReadOnlyMemory<byte> body)
    {
        if (body.Length == 24)
        {
            Advance(new Guid(body.Span[..16]), BinaryPrimitives.ReadInt64BigEndian(body.Span[16..]));
        }
    }

    private async Task LookAsync(Guid[] streams, CancellationToken ct)
    {
        try
        {
            await using var command = dataSource.CreateCommand(
                """
                SELECT s.id, last.version FROM unnest($1::uuid[]) AS s(id),
                LATERAL (SELECT version FROM event_store.events WHERE stream_id = s.id ORDER BY version DESC LIMIT 1) AS last
                """);
            command.Parameters.AddValue(streams);
            await using var reader = await command.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                Advance(reader.GetGuid(0), reader.GetInt64(1));
            }

            foreach (var stream in streams)
            {
                Note(stream);
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

    private void Note(Guid streamId)
    {
        while (_watches.TryGetValue(streamId, out var watch) && !watch.IsLookedAt && !_watches.TryUpdate(streamId, watch with { IsLookedAt = true }, watch))
        {
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

        public bool IsLookedAt { get; init; }

        public TaskCompletionSource Grown { get; init; } = NewSignal();
    }
}
