using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;
using Shop.Contracts;

namespace Chassis.Messaging;

/// <summary>Takes a person's data out of what messaging keeps.</summary>
public static class PersonalData
{
    /// <summary>What stands where a text was. Long enough for every contract.</summary>
    public const string Erased = "erased";

    /// <summary>
    /// Erases in the caller's transaction: the archived events about the subject lose every free text, other archived events those that contain one of the
    /// texts; dead letters and parked messages that mention either are emptied. Ids, times, order and the shape of the events stay. What is still on its way
    /// goes out as it was committed.
    /// </summary>
    /// <param name="db">The service's context, with an open transaction.</param>
    /// <param name="subject">The person's id, as it stands in events.</param>
    /// <param name="texts">What must not be found afterwards: e-mail addresses, names. Shorter than three characters is ignored.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>How many rows were changed.</returns>
    public static async Task<int> EraseAsync(DbContext db, string subject, IReadOnlyCollection<string> texts, CancellationToken ct)
    {
        var current = db.Database.CurrentTransaction
            ?? throw new InvalidOperationException("Erasure needs the caller's transaction, so that it happens together with the rest.");
        var transaction = (NpgsqlTransaction)current.GetDbTransaction();
        string[] wanted = [.. texts.Where(t => t.Length >= 3).Distinct(StringComparer.OrdinalIgnoreCase)];
        var patterns = wanted.Append(subject).Select(Pattern).ToArray();
        return await EraseArchiveAsync(transaction, subject, wanted, ct)
            + await ExecuteAsync(
                transaction,
                """
                UPDATE messaging.dead_letters SET status = 'deleted', body = '', headers = '{}', exception_message = NULL, stack_trace = NULL,
                    history = jsonb_build_array(jsonb_build_object('at', now(), 'event', 'erased'))
                WHERE encode(body, 'escape') ILIKE ANY($1) OR exception_message ILIKE ANY($1) OR headers::text ILIKE ANY($1)
                """,
                patterns,
                ct)
            + await ExecuteAsync(
                transaction, "DELETE FROM messaging.outbox WHERE parked_at IS NOT NULL AND encode(body, 'escape') ILIKE ANY($1)", patterns, ct);
    }

    private static async Task<int> EraseArchiveAsync(NpgsqlTransaction transaction, string subject, string[] texts, CancellationToken ct)
    {
        var changed = new List<(long Position, string Data)>();
        await using (var select = new NpgsqlCommand(
            """
            SELECT position, type, subject, data::text FROM messaging.boundary_events
            WHERE subject = $1 OR data::text ILIKE ANY($2) ORDER BY position FOR UPDATE
            """,
            transaction.Connection,
            transaction))
        {
            select.Parameters.Add(new NpgsqlParameter<string> { TypedValue = subject });
            select.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. texts.Select(Pattern)] });
            await using var reader = await select.ExecuteReaderAsync(ct);
            while (await reader.ReadAsync(ct))
            {
                var (about, json) = (reader.GetString(2) == subject, reader.GetString(3));
                var data = JsonNode.Parse(json)!;
                Redact(data, BoundaryEvents.Find(reader.GetString(1))?.Shape, about, texts);
                if (data.ToJsonString() is var redacted && redacted != json)
                {
                    changed.Add((reader.GetInt64(0), redacted));
                }
            }
        }

        if (changed.Count == 0)
        {
            return 0;
        }

        await using var update = new NpgsqlCommand(
            "UPDATE messaging.boundary_events AS e SET data = c.data FROM unnest($1::bigint[], $2::json[]) AS c (position, data) WHERE e.position = c.position",
            transaction.Connection,
            transaction);
        update.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. changed.Select(c => c.Position)] });
        update.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. changed.Select(c => c.Data)], NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Json });
        return await update.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Replaces texts in place. Only what the contract leaves free is a text: ids, times, amounts, codes and choices stay readable.</summary>
    internal static void Redact(JsonNode node, ContractShape? shape, bool everything, string[] texts)
    {
        switch (node)
        {
            case JsonObject members:
                foreach (var (name, value) in members.ToList())
                {
                    var member = shape?.Properties.FirstOrDefault(p => p.Name == name)?.Shape;
                    if (value is JsonValue leaf && leaf.TryGetValue<string>(out var text))
                    {
                        var free = member is null or { Kind: ShapeKind.Text, Pattern: null };
                        if (free && (everything || texts.Any(t => text.Contains(t, StringComparison.OrdinalIgnoreCase))))
                        {
                            members[name] = Erased;
                        }
                    }
                    else if (value is not null)
                    {
                        Redact(value, member, everything, texts);
                    }
                }

                break;
            case JsonArray items:
                foreach (var item in items.Where(i => i is not null))
                {
                    Redact(item!, shape?.Items, everything, texts);
                }

                break;
        }
    }

    private static async Task<int> ExecuteAsync(NpgsqlTransaction transaction, string sql, string[] patterns, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, transaction.Connection, transaction);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = patterns });
        return await command.ExecuteNonQueryAsync(ct);
    }

    private static string Pattern(string text) =>
        $"%{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
}
