using System.Globalization;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.EventSourcing;

internal static class EventSql
{
    private const string Columns =
        """
        e.position, e.transaction_id, e.event_id, e.stream_id, e.stream_type, e.version, e.event_type, e.event_version, e.payload, e.metadata,
        e.occurred_at, e.recorded_at, k.key
        """;

    public const string Select = $"SELECT {Columns} FROM event_store.events e LEFT JOIN event_store.personal_keys k ON k.subject = e.data_subject";

    /// <summary>
    /// A taken version is left out, which the caller sees by the count; so is everything when the expected version does not exist, so that no gap can arise.
    /// A transaction that got its id before the one that wrote the stream's last event takes over that one's id: so the order of
    /// (transaction_id, position) never contradicts the order within a stream, and is still final below the oldest running transaction.
    /// </summary>
    public const string Insert =
        """
        INSERT INTO event_store.events AS stored
            (event_id, stream_id, stream_type, version, event_type, event_version, payload, data_subject, metadata, occurred_at, transaction_id)
        SELECT e.event_id, $1, $2, $3 + e.n, e.event_type, e.event_version, e.payload::jsonb, e.data_subject, $9, $10,
               greatest(event_store.current_transaction(), last.transaction_id)
        FROM unnest($4::uuid[], $5::text[], $6::int[], $7::text[], $8::text[]) WITH ORDINALITY AS e(event_id, event_type, event_version, payload, data_subject, n)
        LEFT JOIN event_store.events last ON last.stream_id = $1 AND last.version = $3
        WHERE $3 = 0 OR last.version IS NOT NULL
        ORDER BY e.n
        ON CONFLICT (stream_id, version) DO NOTHING
        RETURNING stored.version, stored.position, stored.transaction_id, stored.recorded_at
        """;

    /// <summary>Up to so many events after the checkpoint (<c>$1</c>, <c>$2</c>) and before the bound <c>$3</c>; without one, of everything that is final.</summary>
    /// <remarks>
    /// Identity values are handed out before the commit, so position alone skips what commits late. A transaction id below the oldest one still running
    /// is final: whatever carries it, or a smaller one, is visible or will never be.
    /// The events are limited before they meet their keys, and by a number that the planner can see. It knows nothing about pairs of columns: after a bulk load,
    /// or behind old statistics, it expects a handful of events after the checkpoint, and would rather join and sort them all, once for each batch.
    /// </remarks>
    public static string After(int limit) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
        SELECT {Columns}
        FROM (
            SELECT * FROM event_store.events
            WHERE (transaction_id, position) > ($1, $2) AND transaction_id < coalesce($3, event_store.oldest_running_transaction())
            ORDER BY transaction_id, position LIMIT {limit}
        ) AS e LEFT JOIN event_store.personal_keys k ON k.subject = e.data_subject
        ORDER BY e.transaction_id, e.position
        """);

    public static async Task<IReadOnlyList<StoredEvent>> ReadAll(NpgsqlDataReader reader, EventSerializer serializer, CancellationToken cancellationToken)
    {
        var events = new List<StoredEvent>();
        while (await reader.ReadAsync(cancellationToken))
        {
            var (id, name, version) = (reader.GetGuid(2), reader.GetString(6), reader.GetInt32(7));
            events.Add(new StoredEvent(
                reader.GetInt64(0),
                reader.GetFieldValue<ulong>(1),
                id,
                reader.GetGuid(3),
                reader.GetString(4),
                reader.GetInt64(5),
                name,
                serializer.Map.Of(name).Version,
                serializer.Read(name, version, id, reader.GetString(8), reader.IsDBNull(12) ? null : reader.GetFieldValue<byte[]>(12)),
                JsonSerializer.Deserialize<EventMetadata>(reader.GetString(9), EventSerializer.MetadataOptions)!,
                reader.GetFieldValue<DateTimeOffset>(10),
                reader.GetFieldValue<DateTimeOffset>(11)));
        }

        return events;
    }

    /// <param name="connection">Where to read.</param>
    /// <param name="checkpoint">Where the last batch ended.</param>
    /// <param name="limit">Size of the batch.</param>
    /// <param name="bound">Transactions from here on are left out; null for everything that is not final yet.</param>
    /// <param name="serializer">Reads the payloads.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<IReadOnlyList<StoredEvent>> ReadAfter(
        NpgsqlConnection connection, Checkpoint checkpoint, int limit, ulong? bound, EventSerializer serializer, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(After(limit), connection)
        {
            Parameters =
            {
                new() { Value = checkpoint.TransactionId, NpgsqlDbType = NpgsqlDbType.Xid8 },
                new() { Value = checkpoint.Position },
                new() { Value = (object?)bound ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Xid8 },
            },
        };
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        return await ReadAll(reader, serializer, cancellationToken);
    }
}
