using Chassis.Data;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

/// <summary>What became of a message that a retry is about.</summary>
internal static class RetryOutcomes
{
    /// <summary>Not sent yet; its dead letter is open.</summary>
    public const string Waiting = "waiting";

    /// <summary>On its way, or nobody has said what became of it.</summary>
    public const string Sent = "sent";

    /// <summary>Every consumer of its queue that takes it has committed it.</summary>
    public const string Consumed = "consumed";

    /// <summary>It came back as a dead letter.</summary>
    public const string Failed = "failed";

    /// <summary>The retry was stopped before, or somebody has dealt with it meanwhile.</summary>
    public const string NotSent = "notSent";

    public static readonly string[] All = [Waiting, Sent, Consumed, Failed, NotSent];
}

/// <summary>What a retry is to do.</summary>
/// <param name="Filter">Which open ones.</param>
/// <param name="Ids">Only of these; null for no limit.</param>
/// <param name="Limit">How many at most, the oldest first.</param>
/// <param name="Rate">Messages a second at most; null for all at once.</param>
/// <param name="StopOnSameFailure">Whether one that fails for the reason that it had ends the whole.</param>
internal sealed record RetryOrder(DeadLetterFilter Filter, Guid[]? Ids, int Limit, double? Rate, bool StopOnSameFailure);

/// <summary>A retry of dead letters.</summary>
/// <param name="Status">running, done or stopped.</param>
/// <param name="Sent">Of them nobody knows yet what became.</param>
/// <param name="NotSent">Left out: it was stopped before, or somebody else has dealt with them.</param>
/// <param name="StoppedBecause">same_failure or operator.</param>
internal sealed record DeadLetterRetry(
    Guid Id, string? Queue, string? Type, string? Fingerprint, string? Reason, double? Rate, bool StopOnSameFailure, string Status, int Total, int Waiting,
    int Sent, int Consumed, int Failed, int NotSent, DateTimeOffset StartedAt, string StartedBy, DateTimeOffset? EndedAt, string? StoppedBecause);

/// <summary>One message of a retry.</summary>
/// <param name="Place">In the order in which they are sent.</param>
/// <param name="At">Since when the outcome is this.</param>
/// <param name="ExceptionMessage">Why it failed, as its dead letter says now.</param>
internal sealed record RetriedMessage(
    int Place, Guid DeadLetterId, string MessageId, string Type, string Queue, string Outcome, DateTimeOffset At, string? ExceptionMessage);

internal readonly record struct RetryCursor(DateTimeOffset StartedAt, Guid Id);

/// <summary>
/// Retries of many dead letters, as operations that operators begin, watch and stop. Whatever there is of one lies in the database, so that any replica can go
/// on with it (<see cref="RetryRunner"/>). ADR: docs/adr/0015-dead-letters-and-replays.md.
/// </summary>
internal sealed class Retries(NpgsqlDataSource database, IAuditedCommit audit, TimeProvider clock)
{
    public const string Running = "running";
    public const string StoppedByOperator = "operator";
    public const string SameFailure = "same_failure";

    // Whoever comes second waits here, sees whom the first one's letters wait for, and leaves them alone.
    private const string ChosenSql =
        """
        WITH chosen AS (
            SELECT id, message_id, message_type, queue, fingerprint, first_failed_at FROM messaging.dead_letters
            WHERE {0} AND waits_for IS NULL AND ($8 IS NULL OR id = ANY($8))
            ORDER BY first_failed_at, id LIMIT $9 FOR UPDATE),
        """;

    private const string StartSql =
        """
        taken AS (UPDATE messaging.dead_letters d SET waits_for = $10 FROM chosen c WHERE d.id = c.id),
        begun AS (
            INSERT INTO messaging.retries (id, queue, message_type, fingerprint, reason, rate, stop_on_same_failure, status, total, started_at, started_by,
                ended_at, next_at, closed_at)
            SELECT $10, $2, $3, $4, $5, $11, $12, CASE WHEN count(*) = 0 THEN 'done' ELSE 'running' END, count(*), now(), $13,
                CASE WHEN count(*) = 0 THEN now() END, now(), CASE WHEN count(*) = 0 THEN now() END
            FROM chosen)
        INSERT INTO messaging.retried_messages (retry_id, place, dead_letter_id, message_id, message_type, queue, fingerprint, outcome, at)
        SELECT $10, row_number() OVER (ORDER BY first_failed_at, id), id, message_id, message_type, queue, fingerprint, 'waiting', now() FROM chosen
        """;

    private const string ListSql =
        """
        SELECT r.id, r.queue, r.message_type, r.fingerprint, r.reason, r.rate, r.stop_on_same_failure, r.status, r.total,
            c.waiting, c.sent, c.consumed, c.failed, c.not_sent, r.started_at, r.started_by, r.ended_at, r.stopped_because
        FROM messaging.retries r CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE outcome = 'waiting')::int AS waiting, count(*) FILTER (WHERE outcome = 'sent')::int AS sent,
                count(*) FILTER (WHERE outcome = 'consumed')::int AS consumed, count(*) FILTER (WHERE outcome = 'failed')::int AS failed,
                count(*) FILTER (WHERE outcome = 'notSent')::int AS not_sent
            FROM messaging.retried_messages WHERE retry_id = r.id) AS c
        WHERE ($1 IS NULL OR r.id = $1) AND ($2::timestamptz IS NULL OR (r.started_at, r.id) < ($2, $3))
        ORDER BY r.started_at DESC, r.id DESC LIMIT $4
        """;

    /// <summary>Begins one. What waits for another retry, or is not open, is not in it.</summary>
    /// <returns>Its id, and how many it is about.</returns>
    public async Task<(Guid Id, int Total)> StartAsync(RetryOrder order, string by, CancellationToken ct)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        int total;
        await using (var command = new NpgsqlCommand(
            ChosenSql.Replace("{0}", order.Filter.Sql, StringComparison.Ordinal) + Environment.NewLine + StartSql, connection, transaction))
        {
            order.Filter.AddTo(command.Parameters);
            command.Parameters.AddValue(order.Ids, NpgsqlDbType.Array | NpgsqlDbType.Uuid);
            command.Parameters.AddValue(order.Limit);
            command.Parameters.AddValue(id);
            command.Parameters.AddValue(order.Rate, NpgsqlDbType.Double);
            command.Parameters.AddValue(order.StopOnSameFailure);
            command.Parameters.AddValue(by);
            total = await command.ExecuteNonQueryAsync(ct);
        }

        await audit.CommitAsync(transaction, ct);
        return (id, total);
    }

    /// <summary>The newest first.</summary>
    public Task<List<DeadLetterRetry>> ListAsync(RetryCursor? after, int count, CancellationToken ct) => ReadAsync(null, after, count, ct);

    public async Task<DeadLetterRetry?> FindAsync(Guid id, CancellationToken ct) => (await ReadAsync(id, null, 1, ct)).SingleOrDefault();

    /// <summary>Its messages, in the order in which they are sent.</summary>
    public async Task<List<RetriedMessage>> MessagesAsync(Guid id, string? outcome, int? after, int count, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT m.place, m.dead_letter_id, m.message_id, m.message_type, m.queue, m.outcome, m.at, CASE WHEN m.outcome = 'failed' THEN d.exception_message END
            FROM messaging.retried_messages m LEFT JOIN messaging.dead_letters d ON d.id = m.dead_letter_id
            WHERE m.retry_id = $1 AND ($2 IS NULL OR m.outcome = $2) AND ($3 IS NULL OR m.place > $3) ORDER BY m.place LIMIT $4
            """);
        command.Parameters.AddValue(id);
        command.Parameters.AddValue(outcome, NpgsqlDbType.Text);
        command.Parameters.AddValue(after, NpgsqlDbType.Integer);
        command.Parameters.AddValue(count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<RetriedMessage>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new RetriedMessage(
                reader.GetInt32(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), reader.GetString(5),
                reader.GetFieldValue<DateTimeOffset>(6), await reader.IsDBNullAsync(7, ct) ? null : reader.GetString(7)));
        }

        return rows;
    }

    /// <summary>Ends it: what is not sent yet stays open.</summary>
    /// <exception cref="ProblemException">404 when there is none, 409 when it has ended.</exception>
    public async Task StopAsync(Guid id, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var look = new NpgsqlCommand("SELECT status FROM messaging.retries WHERE id = $1 FOR UPDATE", connection, transaction))
        {
            look.Parameters.AddValue(id);
            switch (await look.ExecuteScalarAsync(ct))
            {
                case null:
                    throw ProblemException.NotFound("There is no such retry.");
                case not Running:
                    throw ProblemException.Conflict("retry_has_ended", "Only a retry that is running can be stopped.");
            }
        }

        await StopAsync(connection, id, StoppedByOperator, ct);
        await audit.CommitAsync(transaction, ct);
    }

    /// <summary>For whoever holds its row.</summary>
    internal static async Task StopAsync(NpgsqlConnection connection, Guid id, string because, CancellationToken ct)
    {
        await connection.ExecuteAsync(
            """
            WITH unsent AS (
                UPDATE messaging.retried_messages SET outcome = 'notSent', at = now() WHERE retry_id = $1 AND outcome = 'waiting' RETURNING dead_letter_id)
            UPDATE messaging.dead_letters d SET waits_for = NULL FROM unsent u WHERE d.id = u.dead_letter_id AND d.waits_for = $1
            """,
            ct, id);
        await connection.ExecuteAsync(
            "UPDATE messaging.retries SET status = 'stopped', ended_at = now(), stopped_because = $2 WHERE id = $1", ct, id, because);
    }

    private async Task<List<DeadLetterRetry>> ReadAsync(Guid? id, RetryCursor? after, int count, CancellationToken ct)
    {
        await using var command = database.CreateCommand(ListSql);
        command.Parameters.AddValue(id, NpgsqlDbType.Uuid);
        command.Parameters.AddValue(after?.StartedAt.UtcDateTime, NpgsqlDbType.TimestampTz);
        command.Parameters.AddValue(after?.Id, NpgsqlDbType.Uuid);
        command.Parameters.AddValue(count);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var rows = new List<DeadLetterRetry>();
        while (await reader.ReadAsync(ct))
        {
            rows.Add(new DeadLetterRetry(
                reader.GetGuid(0), Text(1), Text(2), Text(3), Text(4), await reader.IsDBNullAsync(5, ct) ? null : reader.GetDouble(5),
                reader.GetBoolean(6), reader.GetString(7), reader.GetInt32(8), reader.GetInt32(9), reader.GetInt32(10), reader.GetInt32(11),
                reader.GetInt32(12), reader.GetInt32(13), reader.GetFieldValue<DateTimeOffset>(14), reader.GetString(15),
                await reader.IsDBNullAsync(16, ct) ? null : reader.GetFieldValue<DateTimeOffset>(16), Text(17)));
        }

        return rows;

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }
}
