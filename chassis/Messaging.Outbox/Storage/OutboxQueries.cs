using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Storage;

/// <summary>One row of the outbox as operators see it: what it is, and nothing of what it says.</summary>
/// <param name="Id">Its key.</param>
/// <param name="MessageId">The message's id.</param>
/// <param name="Type">Wire name of an event, URN of a command.</param>
/// <param name="Destination">Exchange or queue; of a replay, the queue that it was asked for.</param>
/// <param name="State"><c>pending</c>, <c>parked</c> or <c>replayed</c>.</param>
/// <param name="Attempts">How often the broker has refused it.</param>
/// <param name="LastError">Why, the last time.</param>
/// <param name="CreatedAt">When it was written.</param>
/// <param name="DueAt">When it is tried again, or taken over from the process that has it; null of a replay, which leaves when there is room.</param>
/// <param name="ParkedAt">Since when it waits for an operator.</param>
/// <param name="CorrelationId">The request that has caused it.</param>
internal sealed record OutboxMessage(
    long Id, Guid MessageId, string Type, string Destination, string State, int Attempts, string? LastError, DateTimeOffset CreatedAt, DateTimeOffset? DueAt,
    DateTimeOffset? ParkedAt, string? CorrelationId);

/// <summary>A message that leaves later.</summary>
/// <param name="Id">Its key.</param>
/// <param name="MessageId">The message's id.</param>
/// <param name="Type">Wire name of an event, URN of a command.</param>
/// <param name="Destination">The queue that it goes to.</param>
/// <param name="DueAt">When.</param>
/// <param name="CreatedAt">When it was written.</param>
/// <param name="CorrelationId">The request that has caused it.</param>
/// <param name="Token">Named so for whoever wants to take it back; null when nobody is to.</param>
/// <param name="About">Every id that it speaks of.</param>
internal sealed record OutboxTimer(
    long Id, Guid MessageId, string Type, string Destination, DateTimeOffset DueAt, DateTimeOffset CreatedAt, string? CorrelationId, Guid? Token, Guid[] About);

internal readonly record struct TimerKey(DateTimeOffset DueAt, long Id);

/// <summary>The operators' side of the outbox.</summary>
internal sealed class OutboxQueries(NpgsqlDataSource database, EventCatalogue catalogue, IAuditedCommit audit, IOptions<MessagingOptions> options)
    : ICommandTimers
{
    public const string Pending = "pending";
    public const string Parked = "parked";
    public const string Replayed = "replayed";

    // What is due later and was not tried yet. A row that is being sent at this moment looks like one that is due when its lease ends.
    private const string IsTimer = $"parked_at IS NULL AND scheduled AND attempts = 0 AND due_at > now() AND due_at < {OutboxSql.Replays}";

    // Cheap first: the outbox may be long, and of its rows few speak of one order.
    private const string IsAbout =
        """
        CASE WHEN outbox_key = $2 OR headers->>'cloudEvents_subject' = $2 THEN true
             WHEN position(convert_to($2, 'UTF8') IN body) = 0 THEN false
             ELSE $2::uuid = ANY(messaging.about(headers, body)) END
        """;

    // Nothing but a timer is due later than a refused row is tried again (five minutes and a quarter), or than a lease lasts: so the index of due times leaves
    // out what waits for months, and what is replayed in a thousand years.
    private const string IsPending =
        $"""
        parked_at IS NULL AND due_at < least(now() + greatest($6, interval '7 minutes'), {OutboxSql.Replays})
            AND (NOT scheduled OR attempts > 0 OR due_at <= now()) AND NOT ({IsReplay})
        """;

    private const string DestinationOf = "CASE WHEN exchange = $5 THEN routing_key ELSE exchange END";

    private const string IsReplay = "coalesce(outbox_key LIKE 'replay:%', false)";

    private static readonly Dictionary<string, string> Conditions = new()
    {
        [Pending] = IsPending,
        [Parked] = "parked_at IS NOT NULL",
        [Replayed] = $"parked_at IS NULL AND {IsReplay}",
    };

    public static IReadOnlyCollection<string> States => Conditions.Keys;

    /// <summary>The oldest first, of one state or of all.</summary>
    public async Task<List<OutboxMessage>> ListAsync(string? state, Guid? about, string? destination, long after, int count, CancellationToken ct)
    {
        // Each state by the index that it has.
        var rows = Conditions.Where(c => state is null || c.Key == state).Select(c =>
            $"""
            (SELECT id, message_id, {DestinationOf} AS destination, '{c.Key}' AS state, attempts, last_error, created_at, due_at, parked_at, headers::text, body
             FROM messaging.outbox
             WHERE {c.Value} AND id > $1 AND ($2::text IS NULL OR {IsAbout}) AND ($3::text IS NULL OR {DestinationOf} = $3)
             ORDER BY id LIMIT $4)
            """);
        await using var command = database.CreateCommand(
            $"SELECT * FROM ({string.Join(" UNION ALL ", rows)}) AS waiting ORDER BY id LIMIT $4");
        command.Parameters.AddValue(after);
        command.Parameters.AddValue(about?.ToString(), NpgsqlDbType.Text);
        command.Parameters.AddValue(destination, NpgsqlDbType.Text);
        command.Parameters.AddValue(count);
        command.Parameters.AddValue(catalogue.Exchanges.Replay);
        command.Parameters.AddValue(options.Value.Lease * 2, NpgsqlDbType.Interval);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var messages = new List<OutboxMessage>();
        while (await reader.ReadAsync(ct))
        {
            var (type, correlation) = LabelOf(HeaderJson.Read(reader.GetString(9)), reader.GetFieldValue<byte[]>(10));
            var (kind, parked) = (reader.GetString(3), await reader.IsDBNullAsync(8, ct) ? (DateTimeOffset?)null : reader.GetFieldValue<DateTimeOffset>(8));
            messages.Add(new OutboxMessage(
                reader.GetInt64(0), reader.GetGuid(1), type, reader.GetString(2), kind, reader.GetInt32(4),
                await reader.IsDBNullAsync(5, ct) ? null : reader.GetString(5), reader.GetFieldValue<DateTimeOffset>(6),
                kind == Pending ? reader.GetFieldValue<DateTimeOffset>(7) : null, parked, correlation));
        }

        return messages;
    }

    /// <summary>Makes a parked row due, as if nobody had tried yet.</summary>
    /// <returns>Null when there is no such row, false when it is not parked.</returns>
    public async Task<bool?> ReleaseAsync(long id, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var released = await connection.ExecuteAsync(
            "UPDATE messaging.outbox SET parked_at = NULL, attempts = 0, due_at = clock_timestamp() WHERE id = $1 AND parked_at IS NOT NULL", ct, id);
        if (released == 0)
        {
            await using var look = new NpgsqlCommand("SELECT EXISTS (SELECT FROM messaging.outbox WHERE id = $1)", connection, transaction);
            look.Parameters.AddValue(id);
            return (bool)(await look.ExecuteScalarAsync(ct))! ? false : null;
        }

        await audit.CommitAsync(transaction, ct);
        return true;
    }

    /// <summary>What leaves later, the next first.</summary>
    public async Task<List<OutboxTimer>> TimersAsync(Guid? about, TimerKey? after, int count, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            $"""
            SELECT id, message_id, exchange, headers::text, body, due_at, created_at, token,
                CASE WHEN token IS NOT NULL THEN messaging.about(headers, body) ELSE ARRAY[]::uuid[] END
            FROM messaging.outbox
            WHERE {IsTimer} AND ($1::timestamptz IS NULL OR (due_at, id) > ($1, $3)) AND ($2::text IS NULL OR {IsAbout})
            ORDER BY due_at, id LIMIT $4
            """);
        command.Parameters.AddValue(after?.DueAt.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(about?.ToString(), NpgsqlDbType.Text);
        command.Parameters.AddValue(after?.Id ?? 0);
        command.Parameters.AddValue(count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var timers = new List<OutboxTimer>();
        while (await reader.ReadAsync(ct))
        {
            timers.Add(await ReadTimerAsync(reader, ct));
        }

        return timers;
    }

    /// <summary>
    /// Makes a timer due. One that is due within a lease is left as it is: it may be on its way, and whoever sends it must not lose it to another.
    /// </summary>
    /// <returns>False when there is no such timer, or not any more.</returns>
    public async Task<bool> RunAsync(long id, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await MakeDueAsync(connection, id, null, null, ct) == 0)
        {
            return false;
        }

        await audit.CommitAsync(transaction, ct);
        return true;
    }

    /// <summary>Takes a timer back, if the deadline may be.</summary>
    /// <param name="id">The timer.</param>
    /// <param name="check">Refuses by an exception.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>False when there is no such timer, or not any more.</returns>
    public async Task<bool> CancelAsync(long id, Func<OutboxTimer, Task> check, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await FindTimerAsync(connection, id, ct) is not { } timer)
        {
            return false;
        }

        await check(timer);
        await connection.ExecuteAsync("DELETE FROM messaging.outbox WHERE id = $1", ct, id);
        await audit.CommitAsync(transaction, ct);
        return true;
    }

    public async Task<bool> HastenAsync(DbContext context, string queue, Guid key, CancellationToken ct)
    {
        if (context.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException("A timer is brought forward in the transaction of what makes that necessary.");
        }

        return await MakeDueAsync((NpgsqlConnection)context.Database.GetDbConnection(), null, queue, key.ToString(), ct) > 0;
    }

    /// <returns>How many timers there are, whether they were made due or are so in a moment.</returns>
    private async Task<long> MakeDueAsync(NpgsqlConnection connection, long? id, string? queue, string? key, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"""
            WITH timers AS (
                SELECT id, due_at FROM messaging.outbox
                WHERE {IsTimer} AND ($1 IS NULL OR id = $1) AND ($2 IS NULL OR (exchange = $2 AND outbox_key = $3)) FOR UPDATE),
            moved AS (
                UPDATE messaging.outbox SET due_at = clock_timestamp()
                WHERE id = ANY(ARRAY(SELECT id FROM timers WHERE due_at > now() + $4)))
            SELECT count(*) FROM timers
            """,
            connection);
        command.Parameters.AddValue(id, NpgsqlDbType.Bigint);
        command.Parameters.AddValue(queue, NpgsqlDbType.Text);
        command.Parameters.AddValue(key, NpgsqlDbType.Text);
        command.Parameters.AddValue(options.Value.Lease, NpgsqlDbType.Interval);
        return (long)(await command.ExecuteScalarAsync(ct))!;
    }

    private static async Task<OutboxTimer?> FindTimerAsync(NpgsqlConnection connection, long id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT id, message_id, exchange, headers::text, body, due_at, created_at, token, messaging.about(headers, body)
            FROM messaging.outbox WHERE id = $1 AND {IsTimer} FOR UPDATE
            """,
            connection);
        command.Parameters.AddValue(id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? await ReadTimerAsync(reader, ct) : null;
    }

    private static async Task<OutboxTimer> ReadTimerAsync(NpgsqlDataReader reader, CancellationToken ct)
    {
        var (type, correlation) = LabelOf(HeaderJson.Read(reader.GetString(3)), reader.GetFieldValue<byte[]>(4));
        return new OutboxTimer(
            reader.GetInt64(0), reader.GetGuid(1), type, reader.GetString(2), reader.GetFieldValue<DateTimeOffset>(5),
            reader.GetFieldValue<DateTimeOffset>(6), correlation, await reader.IsDBNullAsync(7, ct) ? null : reader.GetGuid(7),
            reader.GetFieldValue<Guid[]>(8));
    }

    private static (string Type, string? CorrelationId) LabelOf(Dictionary<string, string> headers, byte[] body)
    {
        if (headers.TryGetValue(CloudEventHeaders.Type, out var type))
        {
            return (type, headers.GetValueOrDefault(CloudEventHeaders.CorrelationId));
        }

        var label = EnvelopeReader.LabelOf(body);
        return (label.Type ?? "unknown", label.CorrelationId);
    }
}
