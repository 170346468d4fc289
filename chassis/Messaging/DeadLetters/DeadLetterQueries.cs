using System.Globalization;
using System.Text.Json;
using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

internal sealed record DeadLetterFilter(string? Queue, string? Type, string? Fingerprint, string? Reason, string Status);

internal readonly record struct DeadLetterCursor(DateTimeOffset FailedAt, Guid Id);

/// <summary>The operators' side of the dead letters.</summary>
internal sealed class DeadLetterQueries(NpgsqlDataSource database, IAuditedCommit audit, IOptions<MessagingOptions> options, TimeProvider clock)
{
    private const string Columns =
        "id, message_id, message_type, queue, reason, fingerprint, exception_type, exception_message, status, failures, first_failed_at, failed_at";

    private const string Matches =
        "status = $1 AND ($2 IS NULL OR queue = $2) AND ($3 IS NULL OR message_type = $3) AND ($4 IS NULL OR fingerprint = $4) AND ($5 IS NULL OR reason = $5)";

    public async Task<List<DeadLetterSummary>> ListAsync(DeadLetterFilter filter, DeadLetterCursor? after, int count, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT {Columns} FROM messaging.dead_letters
            WHERE {Matches} AND ($6::timestamptz IS NULL OR (failed_at, id) < ($6, $7))
            ORDER BY failed_at DESC, id DESC LIMIT $8
            """);
        Add(command, filter);
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

    public async Task<(DeadLetterSummary Summary, string? StackTrace, string ContentType, Dictionary<string, string> Headers, byte[] Body,
    string History)?> FindAsync(
        Guid id, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"SELECT {Columns}, stack_trace, content_type, headers, body, history FROM messaging.dead_letters WHERE id = $1");
        command.Parameters.AddValue(id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? (
                Read(reader),
                Text(reader, 12),
                reader.GetString(13),
                HeaderJson.Read(reader.GetString(14)),
                reader.GetFieldValue<byte[]>(15),
                reader.GetString(16))
            : null;
    }

    /// <summary>Null when there is none, false when it is not open.</summary>
    public async Task<bool?> RetryAsync(Guid id, string by, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var look = new NpgsqlCommand("SELECT status FROM messaging.dead_letters WHERE id = $1 FOR UPDATE", connection, transaction))
        {
            look.Parameters.AddValue(id);
            if (await look.ExecuteScalarAsync(ct) is not string status)
            {
                return null;
            }

            if (status != "open")
            {
                return false;
            }
        }

        await SendAsync(connection, transaction, [id], null, by, ct);
        await audit.CommitAsync(transaction, ct);
        return true;
    }

    public async Task<int> RetryAsync(DeadLetterFilter filter, double? rate, int limit, string by, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var ids = new List<Guid>();
        await using (var select = new NpgsqlCommand(
            $"SELECT id FROM messaging.dead_letters WHERE {Matches} ORDER BY first_failed_at, id LIMIT $6 FOR UPDATE SKIP LOCKED", connection, transaction))
        {
            Add(select, filter);
            select.Parameters.AddValue(limit);
            await using var reader = await select.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                ids.Add(reader.GetGuid(0));
            }
        }

        await SendAsync(connection, transaction, ids, rate, by, ct);
        await audit.CommitAsync(transaction, ct);
        return ids.Count;
    }

    /// <summary>What the message said is gone; that it was there, and who dropped it, stays.</summary>
    public async Task<bool> DeleteAsync(Guid id, string by, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using var command = new NpgsqlCommand(
            """
            UPDATE messaging.dead_letters SET status = 'deleted', body = '', headers = '{}', history = history || $2::jsonb
            WHERE id = $1 AND status <> 'deleted'
            """, connection, transaction);
        command.Parameters.AddValue(id);
        command.Parameters.Add(Entry("deleted", by));
        if (await command.ExecuteNonQueryAsync(ct) == 0)
        {
            return false;
        }

        await audit.CommitAsync(transaction, ct);
        return true;
    }

    // The message keeps its id. It gets past the inbox, because the transaction that failed took its inbox row with it.
    private async Task SendAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, List<Guid> ids, double? rate, string by, CancellationToken ct)
    {
        if (ids.Count == 0)
        {
            return;
        }

        var rows = new List<OutboxRow>(ids.Count);
        await using (var update = new NpgsqlCommand(
            """
            UPDATE messaging.dead_letters SET status = 'retried', history = history || $2::jsonb WHERE id = ANY($1)
            RETURNING message_id, queue, content_type, headers, body
            """, connection, transaction))
        {
            update.Parameters.AddValue<Guid[]>([.. ids]);
            update.Parameters.Add(Entry("retried", by));
            await using var reader = await update.ExecuteReaderAsync(ct);
            var start = clock.GetUtcNow();
            while (await reader.ReadAsync(ct))
            {
                var headers = HeaderJson.Read(reader.GetString(3));
                headers.Remove(MessageKeys.Redeliveries);
                foreach (var name in headers.Keys.Where(
                    n => n.StartsWith("x-first-death", StringComparison.Ordinal)
                        || n.StartsWith("x-last-death", StringComparison.Ordinal)
                        || n == "x-delivery-count").ToList())
                {
                    headers.Remove(name);
                }

                headers[MessageKeys.Resent] = "true";
                var due = rate is null ? start : start + TimeSpan.FromSeconds(rows.Count / rate.Value);
                rows.Add(new OutboxRow
                {
                    MessageId = MessageKeys.ToGuid(headers.GetValueOrDefault(CloudEventHeaders.Source) ?? string.Empty, reader.GetString(0)),
                    Exchange = reader.GetString(1),
                    RoutingKey = string.Empty,
                    ContentType = reader.GetString(2),
                    Headers = headers,
                    Body = reader.GetFieldValue<byte[]>(4),
                    Mandatory = true,
                    DueAt = due,
                });
            }
        }

        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(OutboxSql.Insert(rows, options.Value.Lease));
        await OutboxSql.ExecuteAsync(batch, rows, ct);
    }

    private NpgsqlParameter Entry(string what, string by) => new()
    {
        Value = JsonSerializer.Serialize(new[] { new { at = clock.GetUtcNow().UtcDateTime.ToString("O", CultureInfo.InvariantCulture), @event = what, by } }),
        NpgsqlDbType = NpgsqlDbType.Jsonb,
    };

    private static void Add(NpgsqlCommand command, DeadLetterFilter filter)
    {
        command.Parameters.AddValue(filter.Status);
        foreach (var value in (string?[])[filter.Queue, filter.Type, filter.Fingerprint, filter.Reason])
        {
            command.Parameters.AddValue(value, NpgsqlDbType.Text);
        }
    }

    private static DeadLetterSummary Read(NpgsqlDataReader reader) => new(
        reader.GetGuid(0), reader.GetString(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5), Text(
            reader, 6), Text(reader, 7),
        reader.GetString(8), reader.GetInt32(9), reader.GetFieldValue<DateTimeOffset>(10), reader.GetFieldValue<DateTimeOffset>(11));

    private static string? Text(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
}
