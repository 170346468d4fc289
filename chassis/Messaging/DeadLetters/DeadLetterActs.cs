using System.Globalization;
using System.Text.Json;
using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Storage;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

/// <summary>What somebody has written beside a dead letter.</summary>
/// <param name="At">When.</param>
/// <param name="By">The operator's id.</param>
/// <param name="Text">An erasure of the person whom the message is about takes it away.</param>
internal sealed record DeadLetterNote(DateTimeOffset At, string By, string Text);

/// <summary>What operators do with one dead letter. Each act is committed with its record in the audit.</summary>
internal sealed class DeadLetterActs(
    NpgsqlDataSource database, IAuditedCommit audit, InboxConsumers consumers, IOptions<MessagingOptions> options, TimeProvider clock)
{
    /// <summary>Of one dead letter; enough to read.</summary>
    public const int MostNotes = 100;

    /// <exception cref="ProblemException">404 when there is none, 409 when it is not open.</exception>
    public async Task RetryAsync(Guid id, string by, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var letter = await TakeAsync(connection, id, ["open"], "Only an open dead letter can be sent again.", ct);
        await SendAsync(connection, id, letter, "retried", by, null, ct);
        await audit.CommitAsync(transaction, ct);
    }

    /// <summary>Sends it with another body, under the same id.</summary>
    /// <exception cref="ProblemException">404 when there is none, 409 when it is neither open nor parked, 400 when that is no body of its type.</exception>
    public async Task EditAsync(Guid id, byte[] body, string reason, string by, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        var letter = await TakeAsync(connection, id, ["open", "parked"], "Only an open or parked dead letter can be edited.", ct);
        var message = consumers.Read(letter.Queue, letter.ContentType, letter.Headers, letter.Body);
        if (BodySchema.Check(message, letter.Body, body) is var (field, problem))
        {
            throw ProblemException.Invalid(field, problem);
        }

        await SendAsync(connection, id, letter with { Body = body }, "edited", by, reason, ct);
        await audit.CommitAsync(transaction, ct);
    }

    /// <summary>Puts an open one aside, and it counts no more; or takes it back.</summary>
    /// <exception cref="ProblemException">404 when there is none, 409 when its status is another.</exception>
    public async Task<DeadLetterSummary> ParkAsync(Guid id, bool parked, string reason, string by, CancellationToken ct)
    {
        var (from, to, what) = parked ? ("open", "parked", "parked") : ("parked", "open", "reopened");
        return await ChangeAsync(
            id,
            $"status = $3, waits_for = NULL, history = history || $4::jsonb WHERE id = $1 AND status = $2",
            "dead_letter_not_" + from,
            parked ? "Only an open dead letter can be parked." : "Only a parked dead letter can be opened again.",
            ct,
            from, to, Resending.Entry(clock.GetUtcNow(), what, by, reason));
    }

    /// <summary>Drops it. What it said is kept for as long as that can be undone.</summary>
    /// <exception cref="ProblemException">404 when there is none, or it is dropped already.</exception>
    public async Task DeleteAsync(Guid id, string by, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        if (await connection.ExecuteAsync(
            """
            UPDATE messaging.dead_letters
            SET status = 'deleted', deleted_from = status, deleted_at = now(), waits_for = NULL, history = history || $2::jsonb
            WHERE id = $1 AND status <> 'deleted'
            """,
            ct, id, Resending.Entry(clock.GetUtcNow(), "deleted", by)) == 0)
        {
            throw NotFound();
        }

        await audit.CommitAsync(transaction, ct);
    }

    /// <summary>Takes a deletion back; the dead letter is what it was before.</summary>
    /// <exception cref="ProblemException">404 when there is none, 409 when it is not dropped, or was too long ago.</exception>
    public Task<DeadLetterSummary> RestoreAsync(Guid id, string by, CancellationToken ct) => ChangeAsync(
        id,
        """
        status = deleted_from, deleted_from = NULL, deleted_at = NULL, history = history || $3::jsonb
        WHERE id = $1 AND status = 'deleted' AND deleted_at > now() - $2
        """,
        "dead_letter_not_restorable",
        "It is not dropped, or what it said is gone by now.",
        ct,
        new NpgsqlParameter<TimeSpan> { TypedValue = options.Value.DeadLetterUndo, NpgsqlDbType = NpgsqlDbType.Interval },
        Resending.Entry(clock.GetUtcNow(), "restored", by));

    /// <exception cref="ProblemException">404 when there is none, 409 when it has as many notes as it may.</exception>
    public async Task<DeadLetterNote> NoteAsync(Guid id, string text, string by, CancellationToken ct)
    {
        var note = new DeadLetterNote(clock.GetUtcNow(), by, text);
        await ChangeAsync(
            id,
            string.Create(CultureInfo.InvariantCulture, $"notes = notes || $2::jsonb WHERE id = $1 AND jsonb_array_length(notes) < {MostNotes}"),
            "too_many_notes",
            $"A dead letter has at most {MostNotes} notes.",
            ct,
            new NpgsqlParameter { Value = JsonSerializer.Serialize(new[] { note }, JsonSerializerOptions.Web), NpgsqlDbType = NpgsqlDbType.Jsonb });
        return note;
    }

    private async Task<DeadLetterSummary> ChangeAsync(Guid id, string change, string code, string refusal, CancellationToken ct, params object[] values)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);
        DeadLetterSummary summary;
        await using (var command = new NpgsqlCommand($"UPDATE messaging.dead_letters SET {change} RETURNING {DeadLetterQueries.Columns}", connection, transaction))
        {
            command.Parameters.AddValue(id);
            foreach (var value in values)
            {
                command.Parameters.Add(value as NpgsqlParameter ?? new NpgsqlParameter { Value = value });
            }

            await using var reader = await command.ExecuteReaderAsync(ct);
            if (!await reader.ReadAsync(ct))
            {
                await reader.CloseAsync();
                throw await ExistsAsync(connection, id, ct) ? ProblemException.Conflict(code, refusal) : NotFound();
            }

            summary = DeadLetterQueries.Read(reader);
        }

        await audit.CommitAsync(transaction, ct);
        return summary;
    }

    private static async Task<Letter> TakeAsync(NpgsqlConnection connection, Guid id, string[] statuses, string refusal, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(
            "SELECT status, message_id, queue, content_type, headers, body FROM messaging.dead_letters WHERE id = $1 FOR UPDATE", connection);
        command.Parameters.AddValue(id);
        await using var reader = await command.ExecuteReaderAsync(ct);
        if (!await reader.ReadAsync(ct))
        {
            throw NotFound();
        }

        return statuses.Contains(reader.GetString(0))
            ? new Letter(
                reader.GetString(1), reader.GetString(2), reader.GetString(3), HeaderJson.Read(reader.GetString(4)), reader.GetFieldValue<byte[]>(5))
            : throw ProblemException.Conflict("dead_letter_not_open", refusal);
    }

    private async Task SendAsync(NpgsqlConnection connection, Guid id, Letter letter, string what, string by, string? reason, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await connection.ExecuteAsync(
            "UPDATE messaging.dead_letters SET status = 'retried', waits_for = NULL, body = $2, history = history || $3::jsonb WHERE id = $1",
            ct, id, letter.Body, Resending.Entry(now, what, by, reason));
        OutboxRow[] rows =
        [
            Resending.RowOf(
                letter.MessageId, letter.Queue, letter.ContentType, letter.Headers, letter.Body, now, options.Value.RedeliveryDelays.Length),
        ];
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(OutboxSql.Insert(rows, options.Value.Lease));
        await OutboxSql.ExecuteAsync(batch, rows, ct);
    }

    private static async Task<bool> ExistsAsync(NpgsqlConnection connection, Guid id, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT EXISTS (SELECT FROM messaging.dead_letters WHERE id = $1)", connection);
        command.Parameters.AddValue(id);
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }

    private static ProblemException NotFound() => ProblemException.NotFound("There is no such dead letter.");

    private sealed record Letter(string MessageId, string Queue, string ContentType, Dictionary<string, string> Headers, byte[] Body);
}
