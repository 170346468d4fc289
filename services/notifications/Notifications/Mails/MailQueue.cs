using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace Notifications.Mails;

/// <summary>A mail that this process has claimed, with everything that decides about it as it was at that moment.</summary>
public sealed record ClaimedMail(
    Guid Id,
    Guid Claim,
    string EventId,
    string Template,
    string Audience,
    Guid? UserId,
    string? Recipient,
    string Data,
    int Attempts,
    DateTimeOffset CreatedAt,
    string? ContactEmail,
    string? ContactName,
    string? Locale,
    bool Erased,
    bool SwitchedOff)
{
    /// <summary>Where the mail goes; null while nobody knows.</summary>
    public string? Address => Recipient ?? (Audience == Audiences.Customer ? ContactEmail : null);
}

/// <summary>The senders' view of the table of mails. Every statement is a transaction of its own.</summary>
/// <remarks>
/// A claim moves the row's due time to the end of a lease and gives it a token; whoever wants to say something about the row later must still hold it.
/// So a mail is sent by one sender, whatever number of replicas there is and however often its event is delivered. What remains is a crash, or a stop
/// longer than the lease, between the mail server's answer and <see cref="Complete"/>: then the mail goes out again, with the same Message-ID.
/// </remarks>
public sealed class MailQueue(NpgsqlDataSource database, IOptions<MailOptions> options, TimeProvider clock)
{
    /// <summary>Channel of the database notifications that wake the senders of every replica.</summary>
    public const string Channel = "mails";

    /// <summary>Takes the mail that has waited longest, or nothing.</summary>
    public async Task<ClaimedMail?> Claim(CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await using var command = database.CreateCommand(
            """
            WITH claimed AS (
                UPDATE mails SET due_at = $2, claim = gen_random_uuid()
                WHERE id = (SELECT id FROM mails WHERE status = 'pending' AND due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING id, claim, event_id, template, audience, user_id, recipient, data, attempts, created_at, locale
            )
            SELECT m.id, m.claim, m.event_id, m.template, m.audience, m.user_id, m.recipient, m.data::text, m.attempts, m.created_at,
                c.email, c.full_name, coalesce(c.locale, m.locale), c.erased_at IS NOT NULL, coalesce(m.template = ANY (p.switched_off), false)
            FROM claimed m
            LEFT JOIN contacts c ON c.user_id = m.user_id
            LEFT JOIN notification_preferences p ON p.user_id = m.user_id
            """);
        command.Parameters.AddWithValue(now);
        command.Parameters.AddWithValue(now + options.Value.Lease);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct)
            ? new ClaimedMail(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), Value<Guid>(5), Text(6), reader.GetString(7),
                reader.GetInt32(8), reader.GetFieldValue<DateTimeOffset>(9), Text(10), Text(11), Text(12), reader.GetBoolean(13), reader.GetBoolean(14))
            : null;

        string? Text(int i) => reader.IsDBNull(i) ? null : reader.GetString(i);
        T? Value<T>(int i)
            where T : struct => reader.IsDBNull(i) ? null : reader.GetFieldValue<T>(i);
    }

    /// <summary>The end of a mail: sent, failed or suppressed.</summary>
    /// <param name="mail">The claim.</param>
    /// <param name="status">How it ended.</param>
    /// <param name="attempted">Whether the mail server was asked.</param>
    /// <param name="error">Why it failed or was suppressed.</param>
    /// <param name="ct">Cancels.</param>
    public Task Complete(ClaimedMail mail, MailStatus status, bool attempted, string? error, CancellationToken ct) => Execute(
        """
        UPDATE mails SET status = $3, attempts = attempts + $4, last_error = $5, recipient = $6, completed_at = $7, claim = NULL
        WHERE id = $1 AND claim = $2
        """,
        ct, mail.Id, mail.Claim, status.ToString().ToLowerInvariant(), attempted ? 1 : 0, error, mail.Erased ? null : mail.Address, clock.GetUtcNow());

    /// <summary>The mail is to be tried again later.</summary>
    public Task Postpone(ClaimedMail mail, TimeSpan wait, bool attempted, string? error, CancellationToken ct) => Execute(
        """
        UPDATE mails SET due_at = $3, attempts = attempts + $4, last_error = $5, recipient = coalesce(recipient, $6), claim = NULL
        WHERE id = $1 AND claim = $2
        """,
        ct, mail.Id, mail.Claim, clock.GetUtcNow() + wait, attempted ? 1 : 0, error, attempted ? mail.Address : null);

    private async Task Execute(string sql, CancellationToken ct, params object?[] values)
    {
        await using var command = database.CreateCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.Add(value is null
                ? new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text }
                : new NpgsqlParameter { Value = value });
        }

        await command.ExecuteNonQueryAsync(ct);
    }
}
