using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.EventSourcing;

/// <summary>Events by what they are and when they happened; every condition that is null matches everything.</summary>
/// <param name="StreamType">Type of aggregate.</param>
/// <param name="EventType">Stored name.</param>
/// <param name="From">Not earlier than this.</param>
/// <param name="To">Earlier than this.</param>
/// <param name="AfterPosition">Where the page before ended.</param>
/// <param name="Limit">Size of the page.</param>
public sealed record EventQuery(
    string? StreamType = null, string? EventType = null, DateTimeOffset? From = null, DateTimeOffset? To = null, long AfterPosition = 0, int Limit = 200);

/// <summary>
/// The streams of a service, in PostgreSQL, append-only. Works on the connection and in the transaction of the scoped <see cref="DbContext"/>, so that
/// events, read models and outgoing messages are committed together. ADR: docs/adr/0005-event-store.md.
/// </summary>
public sealed class EventStore(
    DbContext db, EventSerializer serializer, CoreEventBus bus, IServiceProvider scope, TimeProvider clock, StreamWatcher? watcher = null)
{
    /// <summary>How long one decision on a stream waits for others: one caller who asks a hundred times at once must not keep a hundred connections.</summary>
    public static readonly TimeSpan LockPatience = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Adds events to a stream, brings the consistent projections up to date and hands the events to the core event handlers, in order.
    /// When one of them fails the transaction must be rolled back: it holds half of the unit.
    /// </summary>
    /// <param name="streamType">Type of the aggregate.</param>
    /// <param name="streamId">Id of the aggregate.</param>
    /// <param name="expectedVersion">Version of the stream on which the events were decided; 0 when there is none yet.</param>
    /// <param name="events">What happened.</param>
    /// <param name="dataSubject">Whom the personal data in the events is about.</param>
    /// <param name="ct">Cancels.</param>
    /// <param name="occurredAt">When it happened; now, when left out.</param>
    /// <exception cref="ConcurrencyException">The stream is not at <paramref name="expectedVersion"/>.</exception>
    public async Task<IReadOnlyList<StoredEvent>> AppendAsync(
        string streamType, Guid streamId, long expectedVersion, IReadOnlyList<object> events, string? dataSubject, CancellationToken ct,
        DateTimeOffset? occurredAt = null)
    {
        if (db.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException("Events are appended in a transaction: what follows from them belongs to the same unit of work.");
        }

        if (events.Count == 0)
        {
            return [];
        }

        var connection = (NpgsqlConnection)db.Database.GetDbConnection();
        var operation = OperationContext.Current;
        var metadata = new EventMetadata(operation.CorrelationId, operation.CausationId, operation.UserId, operation.TenantId, Activity.Current?.Id);
        var now = (occurredAt ?? clock.GetUtcNow()).ToUniversalTime();
        var types = events.Select(e => serializer.Map.Of(e.GetType())).ToArray();
        var ids = events.Select(_ => Ids.New(clock)).ToArray();
        var isPersonal = dataSubject is not null && types.Any(t => t.PersonalProperties.Count > 0);
        var key = isPersonal ? await serializer.Keys.GetOrCreateAsync(connection, dataSubject!, ct) : null;
        var payloads = events.Select((e, i) => EventSerializer.Write(e, types[i], ids[i], key)).ToArray();
        var subjects = types.Select(t => t.PersonalProperties.Count > 0 ? dataSubject : null).ToArray();

        var inserted = await InsertAsync(connection, streamType, streamId, expectedVersion, types, ids, payloads, subjects, metadata, now, ct);
        var stored = events.Select((e, i) => new StoredEvent(
            inserted[i].Position, ids[i], streamId, streamType, expectedVersion + i + 1,
            types[i].Name, types[i].Version, AsStored(i), metadata, now, inserted[i].RecordedAt)).ToArray();

        await bus.DispatchAsync(scope, connection, stored, ct);
        if (watcher is not null)
        {
            db.OnCommitted(() => watcher.Announce(streamId, stored[^1].Version));
        }

        return stored;

        // What is left out of the store about somebody whose key is gone is told to nobody either, or what follows from it would know more than the events.
        object AsStored(int i) => isPersonal && key is null && types[i].PersonalProperties.Count > 0
            ? serializer.Read(types[i].Name, types[i].Version, ids[i], payloads[i], null)
            : events[i];
    }

    /// <summary>Waits for whoever else is deciding on this stream, then reads it; until the transaction ends nobody else decides on it.</summary>
    /// <exception cref="PostgresException">
    /// 55P03: others were deciding for longer than <see cref="LockPatience"/>, which is how long a caller can keep a connection waiting.
    /// </exception>
    public async Task<IReadOnlyList<StoredEvent>> LockAndReadAsync(Guid streamId, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException("A stream is locked in a transaction.");
        }

        // Two statements in one round trip: the second takes its snapshot after the first has got the lock.
        await using var batch = new NpgsqlBatch((NpgsqlConnection)db.Database.GetDbConnection());
        batch.BatchCommands.Add(new NpgsqlBatchCommand("SELECT set_config('lock_timeout', $2, true), pg_advisory_xact_lock(hashtextextended($1::text, 0))")
        {
            Parameters = { new() { Value = streamId }, new() { Value = LockPatience.TotalMilliseconds.ToString(CultureInfo.InvariantCulture) } },
        });
        batch.BatchCommands.Add(new NpgsqlBatchCommand($"{EventSql.Select} WHERE e.stream_id = $1 ORDER BY e.version")
        {
            Parameters = { new() { Value = streamId } },
        });
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct);
        var events = await EventSql.ReadAllAsync(reader, serializer, ct);
        LinkTo(events);
        return events;
    }

    /// <summary>Reads a stream, up to a version or a moment when asked to.</summary>
    /// <param name="streamId">Id of the aggregate.</param>
    /// <param name="afterVersion">Leave out this and earlier versions.</param>
    /// <param name="toVersion">Last version to read.</param>
    /// <param name="until">Only what had happened by then.</param>
    /// <param name="limit">At most so many.</param>
    /// <param name="ct">Cancels.</param>
    public Task<IReadOnlyList<StoredEvent>> ReadAsync(
        Guid streamId, long afterVersion = 0, long? toVersion = null, DateTimeOffset? until = null, int? limit = null, CancellationToken ct = default) =>
        QueryAsync(
            "WHERE e.stream_id = $1 AND e.version > $2 AND ($3::bigint IS NULL OR e.version <= $3) AND ($4::timestamptz IS NULL OR e.occurred_at <= $4) ORDER BY e.version LIMIT $5",
            ct,
            streamId, afterVersion, Nullable(
                toVersion, NpgsqlDbType.Bigint), Nullable(until?.ToUniversalTime(), NpgsqlDbType.TimestampTz), Nullable(limit, NpgsqlDbType.Integer));

    /// <summary>What the first event of a type belongs to, by stream; streams without one are left out. Nothing personal is opened for it.</summary>
    public async Task<IReadOnlyDictionary<Guid, EventMetadata>> FirstMetadataAsync(IReadOnlyCollection<Guid> streams, string eventType, CancellationToken ct)
    {
        await db.Database.OpenConnectionAsync(ct);
        try
        {
            await using var command = new NpgsqlCommand(
                """
                SELECT DISTINCT ON (stream_id) stream_id, metadata::text FROM event_store.events
                WHERE stream_id = ANY($1) AND event_type = $2 ORDER BY stream_id, version
                """,
                (NpgsqlConnection)db.Database.GetDbConnection());
            command.Parameters.AddValue<Guid[]>([.. streams]);
            command.Parameters.AddValue(eventType);
            await using var reader = await command.ExecuteReaderAsync(ct);
            var found = new Dictionary<Guid, EventMetadata>();
            while (await reader.ReadAsync(ct))
            {
                found[reader.GetGuid(0)] = JsonSerializer.Deserialize<EventMetadata>(reader.GetString(1), EventSerializer.MetadataOptions)!;
            }

            return found;
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    /// <summary>Reads over all streams, in the order of insertion.</summary>
    public Task<IReadOnlyList<StoredEvent>> FindAsync(EventQuery query, CancellationToken ct) =>
        QueryAsync(
            """
            WHERE e.position > $1 AND ($2::text IS NULL OR e.stream_type = $2) AND ($3::text IS NULL OR e.event_type = $3)
              AND ($4::timestamptz IS NULL OR e.occurred_at >= $4) AND ($5::timestamptz IS NULL OR e.occurred_at < $5)
            ORDER BY e.position LIMIT $6
            """,
            ct,
            query.AfterPosition, Nullable(query.StreamType, NpgsqlDbType.Text), Nullable(query.EventType, NpgsqlDbType.Text),
            Nullable(query.From?.ToUniversalTime(), NpgsqlDbType.TimestampTz), Nullable(query.To?.ToUniversalTime(), NpgsqlDbType.TimestampTz), query.Limit);

    /// <summary>Whoever goes on with a stream in another request has another trace: from there the way leads to the one before.</summary>
    private static void LinkTo(IReadOnlyList<StoredEvent> events)
    {
        if (events is [.., var last]
            && Activity.Current is { IsAllDataRequested: true } span
            && ActivityContext.TryParse(last.Metadata.TraceParent, null, isRemote: true, out var before)
            && before.TraceId != span.TraceId)
        {
            span.AddLink(new ActivityLink(before));
        }
    }

    private async Task<IReadOnlyList<StoredEvent>> QueryAsync(string where, CancellationToken ct, params object[] parameters)
    {
        await db.Database.OpenConnectionAsync(ct);
        try
        {
            await using var command = new NpgsqlCommand($"{EventSql.Select} {where}", (NpgsqlConnection)db.Database.GetDbConnection());
            foreach (var parameter in parameters)
            {
                command.Parameters.Add(parameter as NpgsqlParameter ?? new NpgsqlParameter { Value = parameter });
            }

            await using var reader = await command.ExecuteReaderAsync(ct);
            return await EventSql.ReadAllAsync(reader, serializer, ct);
        }
        finally
        {
            await db.Database.CloseConnectionAsync();
        }
    }

    private static NpgsqlParameter Nullable(object? value, NpgsqlDbType type) => new() { Value = value ?? DBNull.Value, NpgsqlDbType = type };

    private static async Task<(long Position, DateTimeOffset RecordedAt)[]> InsertAsync(
        NpgsqlConnection connection, string streamType, Guid streamId, long expectedVersion, EventType[] types, Guid[] ids, string[] payloads,
        string?[] subjects, EventMetadata metadata, DateTimeOffset now, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(EventSql.Insert, connection)
        {
            Parameters =
            {
                new() { Value = streamId },
                new() { Value = streamType },
                new() { Value = expectedVersion },
                new() { Value = ids },
                new() { Value = types.Select(t => t.Name).ToArray() },
                new() { Value = types.Select(t => t.Version).ToArray() },
                new() { Value = payloads },
                new() { Value = subjects, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text },
                new() { Value = JsonSerializer.Serialize(metadata, EventSerializer.MetadataOptions), NpgsqlDbType = NpgsqlDbType.Jsonb },
                new() { Value = now },
            },
        };
        var result = new (long, DateTimeOffset)[ids.Length];
        var count = 0;
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
            {
                result[reader.GetInt64(0) - expectedVersion - 1] = (reader.GetInt64(1), reader.GetFieldValue<DateTimeOffset>(2));
                count++;
            }
        }

        return count == ids.Length ? result : throw new ConcurrencyException(streamId, expectedVersion);
    }
}
