using Chassis.Data;
using Contracts.Events;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.Erasure;

/// <summary>
/// Takes a person's data out of what messaging keeps. A message is a person's by identity and never by its text: it is about the person's id, or about one of
/// the ids given with it, such as those of the person's orders. Of such a message go the texts that its contract marks as personal. ADR:
/// docs/adr/0006-erasure-by-key.md.
/// </summary>
public static class PersonalData
{
    private const int Batch = 500;

    /// <summary>
    /// Erases in the caller's transaction. Archived events and parked messages keep their shape and lose the texts, and so do dead letters, which may still be
    /// retried; a dead letter that nobody can read is emptied and closed. What messages under way leave behind later is erased by <see cref="LateTraces"/>.
    /// What is on its way goes out as it was committed.
    /// </summary>
    /// <param name="db">The service's context, with an open transaction.</param>
    /// <param name="person">The person's id, as it stands in messages.</param>
    /// <param name="belongings">Ids of what is the person's alone, and by which messages that do not name the person are about the person.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>How many messages were changed.</returns>
    /// <exception cref="InvalidOperationException">There is no transaction.</exception>
    public static async Task<int> EraseAsync(DbContext db, Guid person, IEnumerable<Guid> belongings, CancellationToken ct)
    {
        var current = db.Database.CurrentTransaction
            ?? throw new InvalidOperationException("Erasure needs the caller's transaction, so that it happens together with the rest.");
        var transaction = (NpgsqlTransaction)current.GetDbTransaction();
        Guid[] about = [person, .. belongings.Where(id => id != person).Distinct()];
        await using (var remember = new NpgsqlCommand(
            """
            INSERT INTO messaging.erasures AS e (person, about) VALUES ($1, $2)
            ON CONFLICT (person) DO UPDATE SET about = ARRAY(SELECT DISTINCT id FROM unnest(e.about || excluded.about) AS id)
            """,
            transaction.Connection,
            transaction))
        {
            remember.Parameters.AddValue(person);
            remember.Parameters.AddValue(about);
            await remember.ExecuteNonQueryAsync(ct);
        }

        return await EraseAsync(transaction, about, new Redaction(db.GetService<EventCatalogue>()), ct);
    }

    internal static async Task<int> EraseAsync(NpgsqlTransaction transaction, Guid[] about, Redaction redaction, CancellationToken ct)
    {
        await AuditedPeople.ForgetAsync(transaction, about, ct);
        return await EraseArchiveAsync(transaction, about, redaction, ct)
            + await EraseDeadLettersAsync(transaction, about, redaction, ct)
            + await EraseParkedAsync(transaction, about, redaction, ct);
    }

    private static async Task<int> EraseArchiveAsync(NpgsqlTransaction transaction, Guid[] about, Redaction redaction, CancellationToken ct)
    {
        string[] subjects = [.. about.Select(id => id.ToString())];
        var (changed, after) = (0, 0L);
        while (true)
        {
            var redacted = new List<(long Position, string Data)>();
            var read = 0;
            await using (var select = new NpgsqlCommand(
                "SELECT position, type, data::text FROM messaging.boundary_events WHERE subject = ANY($1) AND position > $2 ORDER BY position LIMIT $3 FOR UPDATE",
                transaction.Connection,
                transaction))
            {
                select.Parameters.AddValue(subjects);
                select.Parameters.AddValue(after);
                select.Parameters.AddValue(Batch);
                await using var reader = await select.ExecuteReaderAsync(ct);
                while (await reader.ReadAsync(ct))
                {
                    (read, after) = (read + 1, reader.GetInt64(0));
                    if (redaction.Event(reader.GetString(1), reader.GetString(2)) is { } data)
                    {
                        redacted.Add((after, data));
                    }
                }
            }

            if (redacted.Count > 0)
            {
                await using var update = new NpgsqlCommand(
                    "UPDATE messaging.boundary_events AS e SET data = c.data FROM unnest($1::bigint[], $2::json[]) AS c (position, data) WHERE e.position = c.position",
                    transaction.Connection,
                    transaction);
                update.Parameters.AddValue<long[]>([.. redacted.Select(c => c.Position)]);
                update.Parameters.AddValue<string[]>([.. redacted.Select(c => c.Data)], NpgsqlDbType.Array | NpgsqlDbType.Json);
                changed += await update.ExecuteNonQueryAsync(ct);
            }

            if (read < Batch)
            {
                return changed;
            }
        }
    }

    private static async Task<int> EraseDeadLettersAsync(NpgsqlTransaction transaction, Guid[] about, Redaction redaction, CancellationToken ct)
    {
        var found = await MessagesAsync<Guid>(
            transaction,
            "SELECT id, message_type, body FROM messaging.dead_letters WHERE messaging.about(headers, body) && $1 AND body <> '' ORDER BY id FOR UPDATE",
            about,
            ct);
        foreach (var (id, type, body) in found)
        {
            var readable = redaction.TryMessage(type, body, out var redacted);
            // What an exception says may quote the message, and what somebody wrote into a header, a reason or a note may be anything; what the chassis needs
            // for a retry is neither. One that is dropped and could be restored is like the others.
            await using var update = new NpgsqlCommand(
                """
                UPDATE messaging.dead_letters SET body = $2, status = CASE WHEN $3 THEN status ELSE 'deleted' END, exception_message = NULL, stack_trace = NULL,
                    deleted_at = CASE WHEN $3 THEN deleted_at END,
                    notes = (SELECT coalesce(jsonb_agg(note || jsonb_build_object('text', $4) ORDER BY place), '[]')
                        FROM jsonb_array_elements(notes) WITH ORDINALITY AS n (note, place)),
                    headers = (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(headers) WHERE key LIKE 'cloudEvents\_%' OR key LIKE 'x-%'),
                    history = (SELECT coalesce(jsonb_agg(
                            CASE WHEN entry->>'event' = 'failed' THEN entry - 'message' ELSE entry - 'reason' END ORDER BY place), '[]')
                        FROM jsonb_array_elements(history) WITH ORDINALITY AS h (entry, place)
                        WHERE entry->>'event' <> 'erased') || jsonb_build_object('at', now(), 'event', 'erased')
                WHERE id = $1
                """,
                transaction.Connection,
                transaction);
            update.Parameters.AddValue(id);
            update.Parameters.AddValue(redacted ?? (readable ? body : []));
            update.Parameters.AddValue(readable);
            update.Parameters.AddValue(Redaction.Erased);
            await update.ExecuteNonQueryAsync(ct);
        }

        return found.Count;
    }

    private static async Task<int> EraseParkedAsync(NpgsqlTransaction transaction, Guid[] about, Redaction redaction, CancellationToken ct)
    {
        var changed = 0;
        foreach (var (id, type, body) in await MessagesAsync<long>(
            transaction,
            $"""
            SELECT id, coalesce(headers->>'{CloudEventHeaders.Type}', ''), body FROM messaging.outbox
            WHERE parked_at IS NOT NULL AND messaging.about(headers, body) && $1 ORDER BY id FOR UPDATE
            """,
            about,
            ct))
        {
            // A service writes nothing into its outbox that it could not read.
            if (redaction.TryMessage(type, body, out var redacted) && redacted is not null)
            {
                await using var update = new NpgsqlCommand("UPDATE messaging.outbox SET body = $2 WHERE id = $1", transaction.Connection, transaction);
                update.Parameters.AddValue(id);
                update.Parameters.AddValue(redacted);
                changed += await update.ExecuteNonQueryAsync(ct);
            }
        }

        return changed;
    }

    private static async Task<List<(T Id, string Type, byte[] Body)>> MessagesAsync<T>(
        NpgsqlTransaction transaction, string sql, Guid[] about, CancellationToken ct)
    {
        var found = new List<(T, string, byte[])>();
        await using var select = new NpgsqlCommand(sql, transaction.Connection, transaction);
        select.Parameters.AddValue(about);
        await using var reader = await select.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            found.Add((reader.GetFieldValue<T>(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2)));
        }

        return found;
    }
}
