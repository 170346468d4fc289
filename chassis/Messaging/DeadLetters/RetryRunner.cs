using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

/// <summary>
/// Goes on with the retries that there are: finds out what became of what was sent, stops where that is what was asked for, and sends the next ones. Each step
/// is one transaction that holds the retry's row, so that it does not matter which replica makes it, nor which one dies of it.
/// </summary>
internal sealed partial class RetryRunner(
    NpgsqlDataSource database,
    InboxConsumers consumers,
    IOptions<MessagingOptions> options,
    MessagingMetrics metrics,
    TimeProvider clock,
    ILogger<RetryRunner> logger)
    : PeriodicService(clock, logger)
{
    private const int Batch = 500;
    private static readonly TimeSpan Idle = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Busy = TimeSpan.FromMilliseconds(250);

    // Twice as far as the next look, so that it may be late. What is handed over is beyond recall.
    private static readonly TimeSpan Ahead = 2 * Busy;

    // Both are asked of what is written down by others, and not of what this process has heard: it may not have been this one. Failures come first: of two
    // consumers one may have committed.
    private const string FailedSql =
        """
        UPDATE messaging.retried_messages m SET outcome = 'failed', at = now() FROM messaging.dead_letters d
        WHERE m.retry_id = $1 AND m.outcome = 'sent' AND d.id = m.dead_letter_id AND d.failures > m.failures
        RETURNING d.fingerprint = m.fingerprint
        """;

    private const string ConsumedSql =
        """
        UPDATE messaging.retried_messages m SET outcome = 'consumed', at = now()
        WHERE m.retry_id = $1 AND m.outcome = 'sent' AND cardinality(m.consumers) > 0 AND NOT EXISTS (
            SELECT FROM unnest(m.consumers) AS consumer WHERE NOT EXISTS (
                SELECT FROM messaging.inbox i WHERE i.message_id = m.inbox_id AND i.consumer_id = consumer))
        """;

    // Locked in the order of their ids, as an erasure does. What somebody has dealt with meanwhile is not sent.
    private const string TakeSql =
        """
        WITH locked AS (
            SELECT id FROM messaging.dead_letters WHERE id = ANY($1) AND status = 'open' AND waits_for = $2 ORDER BY id FOR UPDATE)
        UPDATE messaging.dead_letters d SET status = 'retried', waits_for = NULL, history = history || $3::jsonb FROM locked l WHERE d.id = l.id
        RETURNING d.id, d.message_id, d.queue, d.content_type, d.headers, d.body, d.failures
        """;

    private const string NoteSql =
        """
        UPDATE messaging.retried_messages m SET outcome = CASE WHEN n.failures IS NULL THEN 'notSent' ELSE 'sent' END, at = now(), failures = n.failures,
            inbox_id = n.inbox_id, consumers = string_to_array(n.consumers, ',')::uuid[]
        FROM unnest($2::int[], $3::int[], $4::uuid[], $5::text[]) AS n(place, failures, inbox_id, consumers)
        WHERE m.retry_id = $1 AND m.place = n.place
        """;

    private const string CloseSql =
        """
        UPDATE messaging.retries SET status = CASE status WHEN 'running' THEN 'done' ELSE status END, ended_at = coalesce(ended_at, now()), closed_at = now()
        WHERE id = $1 AND NOT EXISTS (
            SELECT FROM messaging.retried_messages
            WHERE retry_id = $1 AND (outcome = 'waiting' OR (outcome = 'sent' AND at > now() - $2)))
        RETURNING status
        """;

    private bool _isBusy;

    protected override TimeSpan Interval => _isBusy ? Busy : Idle;

    protected override async Task RunOnceAsync(CancellationToken ct)
    {
        _isBusy = false;
        foreach (var id in await OpenAsync(ct))
        {
            _isBusy = true;
            try
            {
                while (await StepAsync(id, ct))
                {
                }
            }
            catch (Exception e) when (!ct.IsCancellationRequested && !DatabaseFailure.IsUnavailable(e))
            {
                // The others go on.
                LogFailed(id, e);
            }
        }
    }

    /// <summary>One step of one retry, unless another replica is at it.</summary>
    /// <returns>Whether the next one is due at once.</returns>
    public async Task<bool> StepAsync(Guid id, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await HoldAsync(connection, id, ct) is not { } retry)
        {
            return false;
        }

        var (failed, same) = await NoteFailedAsync(connection, id, ct);
        var consumed = await connection.ExecuteAsync(ConsumedSql, ct, id);
        var sent = 0;
        var more = false;
        if (retry is { IsRunning: true, StopsOnSameFailure: true } && same)
        {
            await Retries.StopAsync(connection, id, Retries.SameFailure, ct);
        }
        else if (retry.IsRunning)
        {
            (sent, more) = await SendAsync(connection, retry, ct);
        }

        var ended = await CloseAsync(connection, id, ct);
        await transaction.CommitAsync(ct);
        metrics.Retried(RetryOutcomes.Sent, sent);
        metrics.Retried(RetryOutcomes.Consumed, consumed);
        metrics.Retried(RetryOutcomes.Failed, failed);
        if (ended is not null)
        {
            LogEnded(id, ended);
        }

        return more;
    }

    private async Task<List<Guid>> OpenAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand("SELECT id FROM messaging.retries WHERE closed_at IS NULL ORDER BY started_at");
        await using var reader = await command.ExecuteReaderAsync(ct);
        var ids = new List<Guid>();
        while (await reader.ReadAsync(ct))
        {
            ids.Add(reader.GetGuid(0));
        }

        return ids;
    }

    private static async Task<Retry?> HoldAsync(NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT status, rate, stop_on_same_failure, started_by, greatest(next_at, now()), now() FROM messaging.retries
            WHERE id = $1 AND closed_at IS NULL FOR UPDATE SKIP LOCKED
            """,
            connection);
        command.Parameters.AddValue(id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new Retry(
                id, reader.GetString(0) == Retries.Running, await reader.IsDBNullAsync(1, ct) ? null : reader.GetDouble(1), reader.GetBoolean(2),
                reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4), reader.GetFieldValue<DateTimeOffset>(5))
            : null;
    }

    private static async Task<(int Count, bool Same)> NoteFailedAsync(NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(FailedSql, connection);
        command.Parameters.AddValue(id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        var (count, same) = (0, false);
        while (await reader.ReadAsync(ct))
        {
            (count, same) = (count + 1, same | reader.GetBoolean(0));
        }

        return (count, same);
    }

    /// <returns>How many were sent, and whether more may be at once.</returns>
    private async Task<(int Sent, bool More)> SendAsync(NpgsqlConnection connection, Retry retry, CancellationToken ct)
    {
        var places = await NextAsync(connection, retry, ct);
        if (places.Count == 0)
        {
            return (0, false);
        }

        var letters = await TakeAsync(connection, retry, [.. places.Select(p => p.Letter)], ct);
        var rows = new List<OutboxRow>(places.Count);
        var notes = new List<(int Place, int? Failures, StoredMessage Message)>(places.Count);
        foreach (var (place, id) in places)
        {
            if (letters.GetValueOrDefault(id) is not { } letter)
            {
                notes.Add((place, null, StoredMessage.Unreadable));
                continue;
            }

            notes.Add((place, letter.Failures, consumers.Read(letter.Queue, letter.ContentType, letter.Headers, letter.Body)));
            rows.Add(Resending.RowOf(
                letter.MessageId, letter.Queue, letter.ContentType, letter.Headers, letter.Body, retry.Due(rows.Count),
                options.Value.RedeliveryDelays.Length));
        }

        await using (var note = new NpgsqlCommand(NoteSql, connection))
        {
            note.Parameters.AddValue(retry.Id);
            note.Parameters.AddValue<int[]>([.. notes.Select(n => n.Place)]);
            note.Parameters.AddValue<int?[]>([.. notes.Select(n => n.Failures)]);
            note.Parameters.AddValue<Guid?[]>([.. notes.Select(n => n.Message.InboxId)]);
            note.Parameters.AddValue<string[]>([.. notes.Select(n => string.Join(',', n.Message.Consumers))]);
            await note.ExecuteNonQueryAsync(ct);
        }

        if (rows.Count > 0)
        {
            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(OutboxSql.Insert(rows, options.Value.Lease));
            await OutboxSql.ExecuteAsync(batch, rows, ct);
        }

        await connection.ExecuteAsync("UPDATE messaging.retries SET next_at = $2 WHERE id = $1", ct, retry.Id, retry.Due(rows.Count).UtcDateTime);
        return (rows.Count, places.Count == Batch);
    }

    private static async Task<List<(int Place, Guid Letter)>> NextAsync(NpgsqlConnection connection, Retry retry, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "SELECT place, dead_letter_id FROM messaging.retried_messages WHERE retry_id = $1 AND outcome = 'waiting' ORDER BY place LIMIT $2", connection);
        command.Parameters.AddValue(retry.Id);
        command.Parameters.AddValue(retry.Room(Ahead, Batch));
        await using var reader = await command.ExecuteReaderAsync(ct);
        var places = new List<(int, Guid)>();
        while (await reader.ReadAsync(ct))
        {
            places.Add((reader.GetInt32(0), reader.GetGuid(1)));
        }

        return places;
    }

    private async Task<Dictionary<Guid, Letter>> TakeAsync(NpgsqlConnection connection, Retry retry, Guid[] ids, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(TakeSql, connection);
        command.Parameters.AddValue(ids);
        command.Parameters.AddValue(retry.Id);
        command.Parameters.Add(Resending.Entry(Clock.GetUtcNow(), "retried", retry.By, retry: retry.Id));
        await using var reader = await command.ExecuteReaderAsync(ct);
        var letters = new Dictionary<Guid, Letter>();
        while (await reader.ReadAsync(ct))
        {
            letters[reader.GetGuid(0)] = new Letter(
                reader.GetString(1), reader.GetString(2), reader.GetString(3), HeaderJson.Read(reader.GetString(4)), reader.GetFieldValue<byte[]>(5),
                reader.GetInt32(6));
        }

        return letters;
    }

    private async Task<string?> CloseAsync(NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(CloseSql, connection);
        command.Parameters.AddValue(id);
        command.Parameters.AddValue(options.Value.RetryPatience, NpgsqlDbType.Interval);
        return await command.ExecuteScalarAsync(ct) as string;
    }

    private sealed record Letter(string MessageId, string Queue, string ContentType, Dictionary<string, string> Headers, byte[] Body, int Failures);

    /// <param name="Id">Its id.</param>
    /// <param name="IsRunning">Whether it may send.</param>
    /// <param name="Rate">Messages a second; null for all at once.</param>
    /// <param name="StopsOnSameFailure">Whether one that comes back as it was ends it.</param>
    /// <param name="By">Who began it.</param>
    /// <param name="Next">When the next one may be sent, by the clock of the database: that of the replicas is not one.</param>
    /// <param name="Now">By the same clock.</param>
    private sealed record Retry(Guid Id, bool IsRunning, double? Rate, bool StopsOnSameFailure, string By, DateTimeOffset Next, DateTimeOffset Now)
    {
        /// <summary>When the one after so many more is due.</summary>
        public DateTimeOffset Due(int index) => Rate is { } rate ? Next + TimeSpan.FromSeconds(index / rate) : Next;

        public int Room(TimeSpan ahead, int most) => Rate is not { } rate ? most
            : Next > Now + ahead ? 0
            : (int)Math.Min(most, Math.Floor((Now + ahead - Next).TotalSeconds * rate) + 1);
    }

    [LoggerMessage(2126, LogLevel.Information, "The retry {RetryId} of dead letters is {Status}.", EventName = "dead_letters.retry_ended")]
    private partial void LogEnded(Guid retryId, string status);

    [LoggerMessage(2127, LogLevel.Error, "The retry {RetryId} of dead letters could not go on, and is tried again.", EventName = "dead_letters.retry_failed")]
    private partial void LogFailed(Guid retryId, Exception exception);
}
