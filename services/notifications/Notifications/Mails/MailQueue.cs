using Chassis.Data;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Notifications.Mails;

/// <summary>
/// A mail that this process has claimed, with everything that decides about it as it was at that moment. The attempt that begins is counted already.
/// </summary>
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
    int Unconfirmed,
    TimeSpan Age,
    TimeSpan SinceEvent,
    string? ContactEmail,
    string? ContactName,
    string? Locale,
    bool Erased,
    bool SwitchedOff,
    string? TraceParent)
{
    /// <summary>Where the mail goes; null while nobody knows.</summary>
    public string? Address => Recipient ?? (Audience == Audiences.Customer ? ContactEmail : null);
}

/// <summary>
/// The senders' view of the table of mails. Every statement is a transaction of its own, and every time is the database's: replicas need not agree on theirs.
/// </summary>
/// <remarks>
/// A claim moves the row's due time to the end of a lease and gives it a token; whoever wants to say something about the row later must still hold it. The
/// holder renews it for as long as it sends. So a mail is sent by one sender, whatever number of replicas there is and however often its event is delivered.
/// What remains is a crash, or a stop longer than the lease, between the mail server's answer and <see cref="CompleteAsync"/>: then the mail goes out again,
/// with the same Message-ID.
/// </remarks>
public sealed class MailQueue(NpgsqlDataSource database, IOptions<MailOptions> options, TimeProvider clock)
{
    // A pause in what this process hears of the database, longer than between two looks.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(3);

    private long _lastHeard = clock.GetTimestamp();
    private long _heardSince = clock.GetTimestamp();

    /// <summary>
    /// Takes the mails that have waited longest, one of each tenant by turns: one that tells thousands of customers something holds up nobody's.
    /// </summary>
    /// <param name="limit">As many at most.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<IReadOnlyList<ClaimedMail>> ClaimAsync(int limit, CancellationToken ct)
    {
        // While the database is away nobody can renew a claim: when it is back, whoever holds one and lives gets a lease of time before it is taken for gone.
        await using var command = database.CreateCommand(
            """
            WITH RECURSIVE tenants(tenant) AS (
                (SELECT coalesce(tenant_id, '') FROM mails WHERE status = 'pending' ORDER BY coalesce(tenant_id, '') LIMIT 1)
                UNION ALL
                SELECT (SELECT coalesce(tenant_id, '') FROM mails WHERE status = 'pending' AND coalesce(tenant_id, '') > tenant ORDER BY 1 LIMIT 1)
                FROM tenants WHERE tenant IS NOT NULL
            ), waiting AS (
                SELECT line.id, line.due_at, row_number() OVER (PARTITION BY tenant ORDER BY line.due_at) AS turn FROM tenants
                CROSS JOIN LATERAL (
                    SELECT id, due_at FROM mails
                    WHERE status = 'pending' AND coalesce(tenant_id, '') = tenant AND due_at <= now() AND (claim IS NULL OR $2)
                    ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS line
            ), claimed AS (
                UPDATE mails SET due_at = now() + $1, claim = gen_random_uuid(), attempts = attempts + 1
                WHERE id = ANY (ARRAY(SELECT id FROM waiting ORDER BY turn, due_at LIMIT $3))
                RETURNING id, claim, event_id, template, audience, user_id, recipient, data, attempts, unconfirmed, now() - created_at AS age,
                    now() - coalesce(event_time, created_at) AS since_event, locale, trace_parent
            )
            SELECT m.id, m.claim, m.event_id, m.template, m.audience, m.user_id, m.recipient, m.data::text, m.attempts, m.unconfirmed, m.age, m.since_event,
                c.email, c.full_name, coalesce(c.locale, m.locale), c.erased_at IS NOT NULL, coalesce(m.template = ANY (p.switched_off), false),
                m.trace_parent
            FROM claimed m
            LEFT JOIN contacts c ON c.user_id = m.user_id
            LEFT JOIN notification_preferences p ON p.user_id = m.user_id
            """);
        command.Parameters.AddValue(options.Value.Lease);
        command.Parameters.AddValue(!WasSilent && clock.GetElapsedTime(Volatile.Read(ref _heardSince)) >= options.Value.Lease);
        command.Parameters.AddValue(limit);
        var claimed = new List<ClaimedMail>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        Heard();
        while (await reader.ReadAsync(ct))
        {
            claimed.Add(new ClaimedMail(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetString(2), reader.GetString(3), reader.GetString(4), Value<Guid>(5), Text(6),
                reader.GetString(7),
                reader.GetInt32(8), reader.GetInt32(9), reader.GetFieldValue<TimeSpan>(10), reader.GetFieldValue<TimeSpan>(11), Text(12), Text(13), Text(14),
                reader.GetBoolean(15), reader.GetBoolean(16), Text(17)));
        }

        return claimed;

        string? Text(int i) => reader.IsDBNull(i) ? null : reader.GetString(i);
        T? Value<T>(int i)
            where T : struct => reader.IsDBNull(i) ? null : reader.GetFieldValue<T>(i);
    }

    /// <summary>Keeps a claim for another lease, because the mail is still being sent.</summary>
    /// <param name="mail">The claim.</param>
    /// <param name="note">What there is to say of it meanwhile.</param>
    /// <param name="ct">Cancels.</param>
    public Task RenewAsync(ClaimedMail mail, string? note, CancellationToken ct) => ExecuteAsync(
        "UPDATE mails SET due_at = now() + $3, last_error = coalesce($4, last_error) WHERE id = $1 AND claim = $2",
        ct,
        mail.Id,
        mail.Claim,
        options.Value.Lease,
        note);

    /// <summary>The end of a mail: sent, failed or suppressed.</summary>
    /// <param name="mail">The claim.</param>
    /// <param name="status">How it ended.</param>
    /// <param name="attempted">Whether the mail server was asked.</param>
    /// <param name="error">Why it failed or was suppressed.</param>
    /// <param name="ct">Cancels.</param>
    /// <returns>Whether it was noted; not, when the claim was not held any more, or somebody has noted it already.</returns>
    public async Task<bool> CompleteAsync(ClaimedMail mail, MailStatus status, bool attempted, string? error, CancellationToken ct) => await ExecuteAsync(
        """
        UPDATE mails SET status = $3, attempts = attempts - $4, last_error = $5, recipient = $6, completed_at = now(), claim = NULL,
            data = CASE WHEN template = ANY ($7) THEN '{}' ELSE data END
        WHERE id = $1 AND claim = $2
        """,
        ct, mail.Id, mail.Claim, status.ToString().ToLowerInvariant(), attempted ? 0 : 1, error, mail.Erased ? null : mail.Address, MailTemplate.Secret) > 0;

    /// <summary>How many mails have not come to an end, and how old the oldest of them is.</summary>
    public async Task<(long Pending, double OldestAge)> FiguresAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT count(*), greatest(coalesce(extract(epoch FROM now() - min(coalesce(event_time, created_at))), 0), 0)::float8
            FROM mails WHERE status = 'pending'
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetInt64(0), reader.GetDouble(1));
    }

    /// <summary>The mail is to be tried again later.</summary>
    /// <param name="mail">The claim.</param>
    /// <param name="wait">How long it waits.</param>
    /// <param name="attempted">Whether the mail server was asked.</param>
    /// <param name="unconfirmed">Whether the server has the whole mail and may have taken it.</param>
    /// <param name="error">Why.</param>
    /// <param name="ct">Cancels.</param>
    public Task PostponeAsync(ClaimedMail mail, TimeSpan wait, bool attempted, bool unconfirmed, string? error, CancellationToken ct) => ExecuteAsync(
        """
        UPDATE mails SET due_at = now() + $3, attempts = attempts - $4, unconfirmed = unconfirmed + $5, last_error = $6, recipient = coalesce(recipient, $7), claim = NULL
        WHERE id = $1 AND claim = $2
        """,
        ct, mail.Id, mail.Claim, wait, attempted ? 0 : 1, unconfirmed ? 1 : 0, error, attempted ? mail.Address : null);

    private async Task<int> ExecuteAsync(string sql, CancellationToken ct, params object?[] values)
    {
        var rows = await database.ExecuteAsync(sql, ct, values);
        Heard();
        return rows;
    }

    private bool WasSilent => clock.GetElapsedTime(Volatile.Read(ref _lastHeard)) > (options.Value.Lease / 3 > Silence ? options.Value.Lease / 3 : Silence);

    private void Heard()
    {
        var now = clock.GetTimestamp();
        if (WasSilent)
        {
            Volatile.Write(ref _heardSince, now);
        }

        Volatile.Write(ref _lastHeard, now);
    }
}
