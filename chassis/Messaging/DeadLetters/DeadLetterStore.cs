using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chassis.Data;
using Chassis.Messaging.Model;
using Chassis.Messaging.Wire;
using Contracts.Events;
using Npgsql;
using NpgsqlTypes;

namespace Chassis.Messaging.DeadLetters;

/// <summary>A message that was given up, with everything that is needed to understand it and to send it once more.</summary>
internal sealed record DeadLetter(
    string MessageId,
    string MessageType,
    string Queue,
    string Reason,
    string? ExceptionType,
    string? ExceptionMessage,
    string? StackTrace,
    string ContentType,
    IReadOnlyDictionary<string, string> Headers,
    byte[] Body)
{
    public string MessageId { get; init; } = Name(MessageId);

    public string MessageType { get; init; } = Name(MessageType);

    public string ContentType { get; init; } = Name(ContentType);

    /// <summary>
    /// What identifies a message, as it can be stored, indexed, logged and shown: without control characters, and with a hash in place of what is too long.
    /// </summary>
    private static string Name(string text)
    {
        var clean = text.Any(char.IsControl) ? string.Concat(text.Where(c => !char.IsControl(c))) : text;
        return clean.Length == text.Length && text.Length <= CloudEventEnvelope.MaxNameLength
            ? text
            : $"{(clean.Length > 200 ? clean[..200] : clean)}~{MessageKeys.Derive(text):n}";
    }
}

/// <summary>Why a message was given up; docs/adr/0015-dead-letters-and-replays.md says what each means.</summary>
internal static class DeadLetterReasons
{
    public const string Failed = "failed";
    public const string Invalid = "invalid";
    public const string Skipped = "skipped";
    public const string Undeliverable = "undeliverable";
    public const string Forged = "forged";
}

/// <summary>Writes dead letters.</summary>
internal sealed partial class DeadLetterStore(NpgsqlDataSource database, MessagingMetrics metrics, TimeProvider clock)
{
    // The same message may fail again after a retry, or be stored twice when the process dies before it acknowledges.
    private const string StoreSql =
        """
        INSERT INTO messaging.dead_letters AS d (id, message_id, message_type, queue, reason, fingerprint, exception_type, exception_message, stack_trace,
            content_type, headers, body, status, first_failed_at, failed_at, history)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'open', $13, $13, jsonb_build_array($14::jsonb))
        ON CONFLICT (queue, message_id) DO UPDATE SET
            reason = excluded.reason, fingerprint = excluded.fingerprint, exception_type = excluded.exception_type,
            exception_message = excluded.exception_message, stack_trace = excluded.stack_trace, headers = excluded.headers, body = excluded.body,
            status = 'open', deleted_from = NULL, deleted_at = NULL, failures = d.failures + 1, failed_at = excluded.failed_at, history = d.history || excluded.history
        """;

    /// <summary>Keeps the message, whatever is in it.</summary>
    public async Task AddAsync(DeadLetter letter, CancellationToken ct)
    {
        try
        {
            await InsertAsync(letter, ct);
        }
        catch (PostgresException e) when (e.SqlState is ['2', '2', ..] or ['5', '4', ..])
        {
            // Nobody has thought of that text yet. The body is bytes, which the database takes as they are; what else is known of the message goes.
            await InsertAsync(
                letter with
                {
                    MessageId = MessageKeys.Derive(letter.MessageId).ToString(),
                    MessageType = "unknown",
                    ExceptionMessage = $"The message's headers could not be stored ({e.SqlState}).",
                    StackTrace = null,
                    ContentType = string.Empty,
                    Headers = new Dictionary<string, string>(),
                },
                ct);
        }

        metrics.DeadLetter(letter.Queue);
    }

    private async Task InsertAsync(DeadLetter letter, CancellationToken ct)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var entry = JsonSerializer.Serialize(
            new { at = now, @event = "failed", reason = letter.Reason, exception = letter.ExceptionType, message = letter.ExceptionMessage },
            JsonSerializerOptions.Web);
        await using var command = database.CreateCommand(StoreSql);
        command.Parameters.AddValue(Guid.CreateVersion7(clock.GetUtcNow()));
        command.Parameters.AddValue(letter.MessageId);
        command.Parameters.AddValue(letter.MessageType);
        command.Parameters.AddValue(letter.Queue);
        command.Parameters.AddValue(letter.Reason);
        command.Parameters.AddValue(Fingerprint(letter));
        command.Parameters.AddValue(letter.ExceptionType, NpgsqlDbType.Text);
        command.Parameters.AddValue(Clean(letter.ExceptionMessage), NpgsqlDbType.Text);
        command.Parameters.AddValue(Clean(letter.StackTrace), NpgsqlDbType.Text);
        command.Parameters.AddValue(letter.ContentType);
        command.Parameters.AddValue(Clean(HeaderJson.Write(letter.Headers))!, NpgsqlDbType.Jsonb);
        command.Parameters.AddValue(letter.Body);
        command.Parameters.AddValue(now);
        command.Parameters.AddValue(Clean(entry)!, NpgsqlDbType.Jsonb);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The same for failures with one cause: type of the exception, its message without the values, and where it was thrown.</summary>
    internal static string Fingerprint(DeadLetter letter)
    {
        var message = Values().Replace(letter.ExceptionMessage ?? letter.Reason, "*");
        var place = letter.StackTrace?.Split('\n').FirstOrDefault(
            line => line.TrimStart().StartsWith("at ", StringComparison.Ordinal) && line.Contains(":line ", StringComparison.Ordinal))?.Trim()
            ?? string.Empty;
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{letter.MessageType}\n{letter.ExceptionType}\n{message}\n{place}"));
        return Convert.ToHexStringLower(hash.AsSpan(0, 8));
    }

    // PostgreSQL has no NUL in text, in JSON it is an escape.
    private static string? Clean(string? text) =>
        text?.Replace("\0", string.Empty, StringComparison.Ordinal).Replace("\\u0000", string.Empty, StringComparison.Ordinal);

    [GeneratedRegex(@"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|\d+|'[^']*'|""[^""]*""")]
    private static partial Regex Values();
}
