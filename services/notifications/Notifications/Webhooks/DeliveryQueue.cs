using Chassis;
using Chassis.Data;
using Microsoft.Extensions.Options;
using Notifications.Mails;
using Npgsql;
using NpgsqlTypes;

namespace Notifications.Webhooks;

/// <summary>A delivery that this process has claimed for one attempt.</summary>
public sealed record ClaimedDelivery(
    Guid Id, Guid Claim, Guid WebhookId, string EventId, string Url, int Step, int Attempts, byte[] Body, string[] Secrets, TimeSpan SinceEvent,
    string? EventType = null, string? TraceParent = null)
{
    /// <summary>It had come to an end, and an operator has it tried anew.</summary>
    public bool IsAgain => Step < Attempts;
}

/// <summary>How one attempt went.</summary>
/// <param name="Delivery">The claim.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="Latency">Until the answer was read, or the attempt given up.</param>
/// <param name="StatusCode">The endpoint's answer, if there was one.</param>
/// <param name="Error">What went wrong without an answer.</param>
/// <param name="ResponseExcerpt">Beginning of the answer's body.</param>
/// <param name="RetryAfter">The pause that the endpoint asked for.</param>
public sealed record AttemptResult(
    ClaimedDelivery Delivery, DateTimeOffset StartedAt, TimeSpan Latency, int? StatusCode, string? Error, string? ResponseExcerpt, TimeSpan? RetryAfter)
{
    /// <summary>2xx and nothing else; a redirect is a failure.</summary>
    public bool Delivered => StatusCode is >= 200 and <= 299;

    /// <summary>The endpoint says that it is gone for good.</summary>
    public bool Gone => StatusCode == 410;
}

/// <summary>
/// The dispatcher's view of the deliveries. Every statement is a transaction of its own, and every time is the database's: replicas need not agree on theirs.
/// </summary>
internal sealed class DeliveryQueue(NpgsqlDataSource database, IOptions<WebhookOptions> options, IOptions<MailOptions> mails, TimeProvider clock)
{
    private readonly RetrySchedule _retries = options.Value.Retries;

    /// <summary>
    /// Takes deliveries that are due, for each webhook as many as it has room for: so what waits for a slow endpoint takes no place from others.
    /// A webhook whose circuit is half open has room for one.
    /// </summary>
    /// <param name="busy">Attempts under way in this process, by webhook.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="ct">Cancels.</param>
    public async Task<IReadOnlyList<ClaimedDelivery>> ClaimAsync(IReadOnlyDictionary<Guid, int> busy, int limit, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            WITH room AS (
                SELECT w.id, w.url, coalesce(b.busy, 0) AS busy, CASE WHEN w.consecutive_failures >= $3 THEN 1 ELSE $4 END - coalesce(b.busy, 0) AS free
                FROM webhooks w LEFT JOIN unnest($1::uuid[], $2::int[]) AS b(id, busy) ON b.id = w.id
                WHERE w.status = 'active' AND (w.paused_until IS NULL OR w.paused_until <= now())
            ), due AS (
                SELECT d.id, room.url FROM room
                CROSS JOIN LATERAL (
                    SELECT id FROM webhook_deliveries
                    WHERE webhook_id = room.id AND status = 'pending' AND due_at <= now()
                    ORDER BY due_at LIMIT greatest(room.free, 0) FOR UPDATE SKIP LOCKED) d
                ORDER BY room.busy LIMIT $6
            ), claimed AS (
                UPDATE webhook_deliveries d SET due_at = now() + $5, claim = gen_random_uuid(), attempts = attempts + 1, step = step + 1
                FROM due WHERE d.id = due.id
                RETURNING d.id, d.claim, d.webhook_id, d.event_id, due.url, d.step, d.attempts, d.trace_parent
            )
            SELECT c.id, c.claim, c.webhook_id, c.event_id, c.url, c.step, c.attempts, e.body,
                ARRAY(SELECT s.secret FROM webhook_secrets s
                    WHERE s.webhook_id = c.webhook_id AND (s.expires_at IS NULL OR s.expires_at > now()) ORDER BY s.created_at DESC),
                now() - coalesce(e.event_time, e.received_at), e.event_type, c.trace_parent
            FROM claimed c JOIN webhook_events e ON e.event_id = c.event_id
            """);
        var o = options.Value;
        var counts = busy.ToArray();
        command.Parameters.AddValue(Array.ConvertAll(counts, c => c.Key));
        command.Parameters.AddValue(Array.ConvertAll(counts, c => c.Value));
        command.Parameters.AddValue(o.CircuitThreshold);
        command.Parameters.AddValue(o.ConcurrencyPerEndpoint);
        command.Parameters.AddValue(o.Timeout + o.ClaimMargin);
        command.Parameters.AddValue(limit);
        var claimed = new List<ClaimedDelivery>();
        await using var reader = await command.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            claimed.Add(new ClaimedDelivery(
                reader.GetGuid(0), reader.GetGuid(1), reader.GetGuid(2), reader.GetString(3), reader.GetString(4),
                reader.GetInt32(5), reader.GetInt32(6), reader.GetFieldValue<byte[]>(7), reader.GetFieldValue<string[]>(8),
                reader.GetFieldValue<TimeSpan>(9), reader.GetString(10), reader.IsDBNull(11) ? null : reader.GetString(11)));
        }

        return claimed;
    }

    /// <summary>Gives a delivery back as if it had not been claimed, because the service stops.</summary>
    public async Task ReleaseAsync(ClaimedDelivery delivery, CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            "UPDATE webhook_deliveries SET due_at = now(), claim = NULL, attempts = attempts - 1, step = step - 1 WHERE id = $1 AND claim = $2");
        command.Parameters.AddValue(delivery.Id);
        command.Parameters.AddValue(delivery.Claim);
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>How many deliveries have not come to an end, and how old the oldest of them is.</summary>
    public async Task<(long Pending, double OldestAge)> FiguresAsync(CancellationToken ct)
    {
        await using var command = database.CreateCommand(
            """
            SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 FROM webhook_deliveries WHERE status = 'pending'
            """);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        return (reader.GetInt64(0), reader.GetDouble(1));
    }

    /// <summary>Writes down how attempts went: the log, the deliveries' next steps, and what they mean for their webhooks. All or nothing.</summary>
    /// <returns>The deliveries that came to an end, by how.</returns>
    public async Task<IReadOnlyDictionary<DeliveryStatus, int>> RecordAsync(IReadOnlyList<AttemptResult> results, CancellationToken ct)
    {
        await using var connection = await database.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(ct);

        // Webhooks first and in one order, so that replicas recording at the same time wait for each other instead of deadlocking.
        var disabled = new List<(WebhookDisabled Webhook, string? TenantId)>();
        var byWebhook = results.ToLookup(r => r.Delivery.WebhookId);
        await RecordRecoveryAsync(connection, [.. byWebhook.Where(g => g.Any(r => r.Delivered)).Select(g => g.Key)], ct);
        foreach (var failing in byWebhook.Where(g => !g.Any(r => r.Delivered)).OrderBy(g => g.Key))
        {
            if (await RecordFailureAsync(connection, failing.Key, [.. failing], ct) is { } webhook)
            {
                disabled.Add(webhook);
            }
        }

        await RecordAttemptsAsync(connection, results, ct);
        var ended = await RecordStepsAsync(connection, results, ct);
        foreach (var (webhook, tenant) in disabled)
        {
            var cancelled = await CancelPendingAsync(connection, webhook.WebhookId, ct);
            ended[DeliveryStatus.Cancelled] = ended.GetValueOrDefault(DeliveryStatus.Cancelled) + cancelled;
            var eventId = Ids.New(clock).ToString();
            await MailOutbox.InsertAsync(
                connection,
                [
                    new MailRequest(
                        MailTemplate.WebhookDisabled, eventId, eventId, "webhook-disabled", webhook, Recipient: mails.Value.Operators, Audience: Audiences.Operators,
                        TenantId: tenant),
                ],
                clock, ct);
        }

        await transaction.CommitAsync(ct);
        return ended;
    }

    private static async Task RecordAttemptsAsync(NpgsqlConnection connection, IReadOnlyList<AttemptResult> results, CancellationToken ct)
    {
        // Deliveries of a webhook that was deleted meanwhile are gone, and so is the place for their log. What an endpoint has answered may quote what it was
        // told of a person: the lock decides between this and the person's erasure (ContactBook.EraseTraces).
        await using var insert = new NpgsqlCommand(
            $"""
            WITH told AS (
                SELECT e.event_id, e.body = '' AS erased FROM webhook_events e
                WHERE e.event_type LIKE '{EventsOfPeople.Pattern}' AND e.event_id IN (SELECT event_id FROM webhook_deliveries WHERE id = ANY($2))
                ORDER BY e.event_id FOR SHARE)
            INSERT INTO webhook_attempts (id, delivery_id, webhook_id, number, started_at, latency_ms, status_code, error, response_excerpt)
            SELECT a.id, d.id, d.webhook_id, a.number, a.started_at, a.latency_ms, a.status_code, a.error, CASE WHEN told.erased THEN NULL ELSE a.response_excerpt END
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) AS a(id, delivery_id, number, started_at, latency_ms, status_code, error, response_excerpt)
            JOIN webhook_deliveries d ON d.id = a.delivery_id LEFT JOIN told ON told.event_id = d.event_id
            """,
            connection);
        Add(insert, NpgsqlDbType.Uuid, results, r => Guid.CreateVersion7(r.StartedAt));
        Add(insert, NpgsqlDbType.Uuid, results, r => r.Delivery.Id);
        Add(insert, NpgsqlDbType.Integer, results, r => r.Delivery.Attempts);
        Add(insert, NpgsqlDbType.TimestampTz, results, r => r.StartedAt);
        Add(insert, NpgsqlDbType.Double, results, r => r.Latency.TotalMilliseconds);
        Add(insert, NpgsqlDbType.Integer, results, r => r.StatusCode);
        Add(insert, NpgsqlDbType.Text, results, r => r.Error);
        Add(insert, NpgsqlDbType.Text, results, r => r.ResponseExcerpt);
        await insert.ExecuteNonQueryAsync(ct);
    }

    private static async Task<int> CancelPendingAsync(NpgsqlConnection connection, Guid webhookId, CancellationToken ct)
    {
        await using var cancel = new NpgsqlCommand(
            "UPDATE webhook_deliveries SET status = 'cancelled', completed_at = now(), claim = NULL WHERE webhook_id = $1 AND status = 'pending'", connection);
        cancel.Parameters.AddValue(webhookId);
        return await cancel.ExecuteNonQueryAsync(ct);
    }

    private static void Add<T>(NpgsqlCommand command, NpgsqlDbType type, IReadOnlyList<AttemptResult> results, Func<AttemptResult, T> value) =>
        command.Parameters.AddValue(results.Select(value).ToArray(), NpgsqlDbType.Array | type);

    private async Task<Dictionary<DeliveryStatus, int>> RecordStepsAsync(
        NpgsqlConnection connection, IReadOnlyList<AttemptResult> results, CancellationToken ct)
    {
#pragma warning disable CA5394 // Jitter is no secret.
        var steps = results.Select(
            r => (Result: r, Wait: r.Delivered || r.Gone ? null : _retries.Next(r.Delivery.Step, Random.Shared.NextDouble(), r.RetryAfter))).ToList();
#pragma warning restore CA5394
        await using var update = new NpgsqlCommand(
            """
            UPDATE webhook_deliveries d SET status = s.status, due_at = now() + s.wait, claim = NULL,
                completed_at = CASE WHEN s.status = 'pending' THEN NULL ELSE now() END
            FROM unnest($1, $2, $3, $4) AS s(id, claim, status, wait)
            WHERE d.id = s.id AND d.claim = s.claim AND d.status = 'pending'
            RETURNING d.status
            """,
            connection);
        update.Parameters.AddValue(steps.ConvertAll(s => s.Result.Delivery.Id).ToArray());
        update.Parameters.AddValue(steps.ConvertAll(s => s.Result.Delivery.Claim).ToArray());
        update.Parameters.AddValue(steps.ConvertAll(s => s.Result.Delivered ? "succeeded" : s.Wait is null ? "failed" : "pending").ToArray());
        update.Parameters.AddValue(steps.ConvertAll(s => s.Wait ?? TimeSpan.Zero).ToArray());
        var ended = new Dictionary<DeliveryStatus, int>();
        await using var reader = await update.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
        {
            if (Enum.Parse<DeliveryStatus>(reader.GetString(0), ignoreCase: true) is var status and not DeliveryStatus.Pending)
            {
                ended[status] = ended.GetValueOrDefault(status) + 1;
            }
        }

        return ended;
    }

    private static async Task RecordRecoveryAsync(NpgsqlConnection connection, Guid[] webhooks, CancellationToken ct)
    {
        // Nothing is written to an endpoint that has been well all the time.
        await using var healthy = new NpgsqlCommand(
            """
            UPDATE webhooks SET consecutive_failures = 0, failing_since = NULL, last_failed_at = NULL, paused_until = NULL
            WHERE id IN (SELECT id FROM webhooks WHERE id = ANY ($1) AND failing_since IS NOT NULL ORDER BY id FOR UPDATE)
            """,
            connection);
        healthy.Parameters.AddValue(webhooks);
        await healthy.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Counts failures in a row, opens the circuit, and disables what is gone or has failed for too long.</summary>
    private async Task<(WebhookDisabled Webhook, string? TenantId)?> RecordFailureAsync(
        NpgsqlConnection connection, Guid webhookId, IReadOnlyList<AttemptResult> results, CancellationToken ct)
    {
        var o = options.Value;
        var asked = results.Where(r => r.StatusCode is 429 or 503).Max(r => r.RetryAfter);
        await using var failing = new NpgsqlCommand(
            """
            UPDATE webhooks w SET consecutive_failures = n.failures, failing_since = n.since, last_failed_at = now(),
                paused_until = greatest(paused_until, now() + $3, CASE WHEN n.failures >= $4 THEN now() + least($5 * power(2, least(n.failures - $4, 20)), $6) END),
                status = CASE WHEN n.hopeless THEN 'disabled' ELSE status END,
                disabled_at = CASE WHEN n.hopeless THEN now() ELSE disabled_at END,
                disabled_reason = CASE WHEN $7 THEN 'The endpoint answered 410 Gone.'
                    WHEN n.hopeless THEN 'Every attempt failed since ' || to_char(n.since AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC.'
                    ELSE disabled_reason END,
                version = version + CASE WHEN n.hopeless THEN 1 ELSE 0 END
            FROM (
                SELECT webhook_id, since, failures, $7 OR since <= now() - $8 AS hopeless
                FROM (
                    SELECT id AS webhook_id,
                        -- After a long silence one failure says nothing of the time before.
                        CASE WHEN failing_since IS NULL OR last_failed_at < now() - $9 THEN now() ELSE failing_since END AS since,
                        -- Attempts that were under way when the circuit opened say nothing new about the endpoint.
                        CASE WHEN consecutive_failures < $4 THEN least(consecutive_failures + $2, $4)
                            WHEN paused_until > now() THEN consecutive_failures ELSE consecutive_failures + 1 END AS failures
                    FROM webhooks WHERE id = $1 FOR UPDATE) counted) n
            WHERE w.id = n.webhook_id AND status = 'active'
            RETURNING url, status, disabled_reason, tenant_id
            """,
            connection);
        failing.Parameters.AddValue(webhookId);
        failing.Parameters.AddValue(results.Count);
        failing.Parameters.AddValue(asked > RetrySchedule.LongestRetryAfter ? RetrySchedule.LongestRetryAfter : asked, NpgsqlDbType.Interval);
        failing.Parameters.AddValue(o.CircuitThreshold);
        failing.Parameters.AddValue(o.CircuitBreak);
        failing.Parameters.AddValue(o.MaxCircuitBreak);
        failing.Parameters.AddValue(results.Any(r => r.Gone));
        failing.Parameters.AddValue(o.DisableAfter);
        failing.Parameters.AddValue(RetrySchedule.LongestRetryAfter + _retries.LongestWait);
        await using var reader = await failing.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) && reader.GetString(1) == "disabled"
            ? (new WebhookDisabled(webhookId, reader.GetString(0), reader.GetString(2), clock.GetUtcNow()), reader.IsDBNull(3) ? null : reader.GetString(3))
            : null;
    }
}
