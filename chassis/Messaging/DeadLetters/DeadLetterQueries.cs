using System.Text.Json;
using Chassis.Data;
using Chassis.Messaging.Model;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

/// <param name="Queue">Only of this queue; as the others, when it is given.</param>
/// <param name="Type">Message type.</param>
/// <param name="Fingerprint">Of the cause.</param>
/// <param name="Reason">Why they were given up.</param>
/// <param name="Status">open, parked, retried or deleted.</param>
/// <param name="About">An id that the message is about, such as an order's.</param>
/// <param name="MessageId">The message's own.</param>
internal sealed record DeadLetterFilter(
    string? Queue, string? Type, string? Fingerprint, string? Reason, string Status, Guid? About = null, string? MessageId = null)
{
    /// <summary>Its condition, with the parameters 1 to 7. What has an index of its own stands in it only when it is asked for.</summary>
    public string Sql =>
        "status = $1 AND ($2 IS NULL OR queue = $2) AND ($3 IS NULL OR message_type = $3) AND ($4 IS NULL OR fingerprint = $4) AND ($5 IS NULL OR reason = $5)"
        + (MessageId is null ? string.Empty : " AND message_id = $6")
        + (About is null ? string.Empty : " AND messaging.about(headers, body) && ARRAY[$7]");

    public void AddTo(NpgsqlParameterCollection parameters)
    {
        parameters.AddValue(Status);
        foreach (var value in (string?[])[Queue, Type, Fingerprint, Reason, MessageId])
        {
            parameters.AddValue(value, NpgsqlDbType.Text);
        }

        parameters.AddValue(About, NpgsqlDbType.Uuid);
    }
}

internal readonly record struct DeadLetterCursor(DateTimeOffset FailedAt, Guid Id);

internal readonly record struct DeadLetterGroupCursor(int Count, string Fingerprint, string Queue, string Type, string Reason);

/// <summary>Dead letters with one cause.</summary>
/// <param name="ExceptionMessage">Of the newest of them.</param>
/// <param name="Trend">Failures in each of the last 24 hours, the oldest first.</param>
internal sealed record DeadLetterGroup(
    string Fingerprint, string Type, string Queue, string Reason, string? ExceptionType, string? ExceptionMessage, int Count,
    DateTimeOffset FirstFailedAt, DateTimeOffset LastFailedAt, IReadOnlyList<int> Trend);

/// <summary>One dead letter as it is stored, and what its service knows of it.</summary>
/// <param name="Processed">Whether the inbox has it of everybody who takes it.</param>
internal sealed record FoundDeadLetter(
    DeadLetterSummary Summary, string? StackTrace, string ContentType, Dictionary<string, string> Headers, byte[] Body, string History, string Notes,
    bool Processed, JsonElement? Schema);

/// <summary>What operators see of the dead letters.</summary>
internal sealed class DeadLetterQueries(NpgsqlDataSource database, InboxConsumers consumers)
{
    internal const string Columns =
        "id, message_id, message_type, queue, reason, fingerprint, exception_type, exception_message, status, failures, first_failed_at, failed_at";

    // The history is opened only of those that have failed more than once, and within the time.
    private const string GroupsSql =
        """
        WITH causes AS (
            SELECT fingerprint, message_type, queue, reason, count(*)::int AS letters, min(first_failed_at) AS first_failed_at, max(failed_at) AS failed_at,
                (array_agg(id ORDER BY failed_at DESC, id DESC))[1] AS newest
            FROM messaging.dead_letters
            WHERE status = $1 AND ($2 IS NULL OR queue = $2) AND ($3 IS NULL OR message_type = $3) AND ($4 IS NULL OR reason = $4)
            GROUP BY fingerprint, message_type, queue, reason),
        page AS (
            SELECT * FROM causes WHERE $5 IS NULL OR (letters, fingerprint, queue, message_type, reason) < ($5, $6, $7, $8, $9)
            ORDER BY letters DESC, fingerprint DESC, queue DESC, message_type DESC, reason DESC LIMIT $10)
        SELECT p.fingerprint, p.message_type, p.queue, p.reason, d.exception_type, d.exception_message, p.letters, p.first_failed_at, p.failed_at, t.trend
        FROM page p JOIN messaging.dead_letters d ON d.id = p.newest CROSS JOIN LATERAL (
            SELECT array_agg((
                SELECT count(*)::int FROM unnest(f.times) AS at
                WHERE at > now() - (24 - hour) * interval '1 hour' AND (hour = 23 OR at <= now() - (23 - hour) * interval '1 hour')) ORDER BY hour) AS trend
            FROM generate_series(0, 23) AS hour, (
                SELECT array_agg(at) AS times FROM messaging.dead_letters l CROSS JOIN LATERAL (
                    SELECT l.failed_at AS at WHERE l.failures = 1
                    UNION ALL
                    SELECT (entry->>'at')::timestamptz FROM jsonb_array_elements(l.history) AS entry WHERE l.failures > 1 AND entry->>'event' = 'failed') AS e
                WHERE l.status = $1 AND l.fingerprint = p.fingerprint AND l.queue = p.queue AND l.message_type = p.message_type AND l.reason = p.reason
                    AND l.failed_at > now() - interval '24 hours') AS f) AS t
        ORDER BY p.letters DESC, p.fingerprint DESC, p.queue DESC, p.message_type DESC, p.reason DESC
        """;

    public async Task<List<DeadLetterSummary>> ListAsync(DeadLetterFilter filter, DeadLetterCursor? after, int count, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT {Columns} FROM messaging.dead_letters
            WHERE {filter.Sql} AND ($8::timestamptz IS NULL OR (failed_at, id) < ($8, $9))
            ORDER BY failed_at DESC, id DESC LIMIT $10
            """);
        filter.AddTo(command.Parameters);
        command.Parameters.AddValue(after?.FailedAt.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(after?.Id, NpgsqlDbType.Uuid);
        command.Parameters.AddValue(count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<DeadLetterSummary>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(Read(reader));
        }

        return rows;
    }

    /// <summary>By cause, the one with the most first.</summary>
    public async Task<List<DeadLetterGroup>> GroupAsync(DeadLetterFilter filter, DeadLetterGroupCursor? after, int count, CancellationToken ct)
    {
        await using var command = database.CreateCommand(GroupsSql);
        command.Parameters.AddValue(filter.Status);
        foreach (var value in (string?[])[filter.Queue, filter.Type, filter.Reason])
        {
            command.Parameters.AddValue(value, NpgsqlDbType.Text);
        }

        command.Parameters.AddValue(after?.Count, NpgsqlDbType.Integer);
        foreach (var value in (string?[])[after?.Fingerprint, after?.Queue, after?.Type, after?.Reason])
        {
            command.Parameters.AddValue(value, NpgsqlDbType.Text);
        }

        command.Parameters.AddValue(count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<DeadLetterGroup>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new DeadLetterGroup(
                reader.GetString(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), Text(reader, 4), Text(reader, 5), reader.GetInt32(6),
                reader.GetFieldValue<DateTimeOffset>(7), reader.GetFieldValue<DateTimeOffset>(8), reader.GetFieldValue<int[]>(9)));
        }

        return rows;
    }

    public async Task<FoundDeadLetter?> FindAsync(Guid id, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var command = new NpgsqlCommand(
            $"SELECT {Columns}, stack_trace, content_type, headers, body, history, notes FROM messaging.dead_letters WHERE id = $1", connection);
        command.Parameters.AddValue(id);
        FoundDeadLetter found;
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            if (!await reader.ReadAsync(ct))
            {
                return null;
            }

            found = new FoundDeadLetter(
                Read(reader), Text(reader, 12), reader.GetString(13), HeaderJson.Read(reader.GetString(14)), reader.GetFieldValue<byte[]>(15),
                reader.GetString(16), reader.GetString(17), false, null);
        }

        var message = consumers.Read(found.Summary.Queue, found.ContentType, found.Headers, found.Body);
        var schema = BodySchema.Of(message, found.Body);
        return found with
        {
            Processed = await IsProcessedAsync(connection, message, ct),
            Schema = schema is null ? null : JsonSerializer.SerializeToElement(schema),
        };
    }

    internal static DeadLetterSummary Read(NpgsqlDataReader reader) => new(
        reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5), Text(
            reader, 6), Text(reader, 7),
        reader.GetString(8), reader.GetInt32(9), reader.GetFieldValue<DateTimeOffset>(10), reader.GetFieldValue<DateTimeOffset>(11));

    private static async Task<bool> IsProcessedAsync(NpgsqlConnection connection, StoredMessage message, CancellationToken ct)
    {
        if (message is not { InboxId: { } inbox, Consumers.Length: > 0 })
        {
            return false;
        }

        await using var command = new NpgsqlCommand(
            "SELECT count(*)::int FROM messaging.inbox WHERE message_id = $1 AND consumer_id = ANY($2)", connection);
        command.Parameters.AddValue(inbox);
        command.Parameters.AddValue(message.Consumers);
        return (int)(await command.ExecuteScalarAsync(ct))! == message.Consumers.Length;
    }

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
