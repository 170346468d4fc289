using System.Text.Json;
using Npgsql;

namespace Chassis.EventSourcing;

internal static class EventSql
{
    private const string Columns =
        """
        e.position, e.event_id, e.stream_id, e.stream_type, e.version, e.event_type, e.event_version, e.payload, e.metadata,
        e.occurred_at, e.recorded_at, e.data_subject, k.key
        """;

    public const string Select = $"SELECT {Columns} FROM event_store.events e LEFT JOIN event_store.personal_keys k ON k.subject = e.data_subject";

    /// <summary>
    /// A taken version is left out, which the caller sees by the count; so is everything when the expected version does not exist, so that no gap can arise,
    /// and no event gets its position before the stream's event before it is visible.
    /// </summary>
    public const string Insert =
        """
        INSERT INTO event_store.events AS stored
            (event_id, stream_id, stream_type, version, event_type, event_version, payload, data_subject, metadata, occurred_at)
        SELECT e.event_id, $1, $2, $3 + e.n, e.event_type, e.event_version, e.payload::jsonb, e.data_subject, $9, $10
        FROM unnest($4::uuid[], $5::text[], $6::int[], $7::text[], $8::text[]) WITH ORDINALITY AS e(event_id, event_type, event_version, payload, data_subject, n)
        WHERE $3 = 0 OR EXISTS (SELECT FROM event_store.events last WHERE last.stream_id = $1 AND last.version = $3)
        ORDER BY e.n
        ON CONFLICT (stream_id, version) DO NOTHING
        RETURNING stored.version, stored.position, stored.recorded_at
        """;

    /// <summary>Events after one position (<c>$1</c>) and up to another (<c>$2</c>), at most so many (<c>$3</c>).</summary>
    public const string Between = $"{Select} WHERE e.position > $1 AND e.position <= $2 ORDER BY e.position LIMIT $3";

    public static async Task<IReadOnlyList<StoredEvent>> ReadAllAsync(NpgsqlDataReader reader, EventSerializer serializer, CancellationToken ct)
    {
        var events = new List<StoredEvent>();
        while (await reader.ReadAsync(ct))
        {
            var (id, name, version) = (reader.GetGuid(1), reader.GetString(5), reader.GetInt32(6));
            events.Add(new StoredEvent(
                reader.GetInt64(0),
                id,
                reader.GetGuid(2),
                reader.GetString(3),
                reader.GetInt64(4),
                name,
                serializer.Map.Of(name).Version,
                serializer.Read(
                    name,
                    version,
                    id,
                    reader.GetString(7),
                    reader.IsDBNull(12) ? null : serializer.Keys.Open(reader.GetString(11), reader.GetFieldValue<byte[]>(12))),
                JsonSerializer.Deserialize<EventMetadata>(reader.GetString(8), EventSerializer.MetadataOptions)!,
                reader.GetFieldValue<DateTimeOffset>(9),
                reader.GetFieldValue<DateTimeOffset>(10)));
        }

        return events;
    }

    /// <summary>
    /// The position up to which everything that will ever be there is visible to whoever reads afterwards, in a statement of its own
    /// (<see cref="EventStoreMigration.CreateFinalPositions"/>).
    /// </summary>
    public static async Task<long> LastFinalPositionAsync(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT event_store.last_final_position()", connection);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    /// <param name="connection">Where to read.</param>
    /// <param name="after">Position of the last event of the batch before.</param>
    /// <param name="upTo">Last position to read.</param>
    /// <param name="limit">Size of the batch.</param>
    /// <param name="serializer">Reads the payloads.</param>
    /// <param name="ct">Cancels.</param>
    public static async Task<IReadOnlyList<StoredEvent>> ReadBetweenAsync(
        NpgsqlConnection connection, long after, long upTo, int limit, EventSerializer serializer, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(Between, connection)
        {
            Parameters = { new() { Value = after }, new() { Value = upTo }, new() { Value = limit } },
        };
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await ReadAllAsync(reader, serializer, ct);
    }
}
