using System.Diagnostics;
using Chassis;
using Chassis.Messaging.Erasure;
using Contracts.Events;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Notifications.Persistence;

namespace Notifications.Webhooks;

/// <summary>
/// Makes one delivery per event and webhook that asks for it, however often the event comes: event and deliveries are one statement, kept once by their keys.
/// </summary>
public sealed class WebhookFanOut(NotificationsDbContext db, WebhooksSignal signal, IOptions<WebhookOptions> options, TimeProvider clock)
{
    /// <summary>Creates the deliveries of an event; for an event that was seen before this changes nothing.</summary>
    public async Task AcceptAsync(CloudEventEnvelope envelope, ReadOnlyMemory<byte> data, CancellationToken ct)
    {
        // A replay repairs what did not arrive. Of an older event nobody knows any more what has been delivered: it would go out a second time.
        if (envelope.Replay && envelope.Time < clock.GetUtcNow() - options.Value.Retention)
        {
            return;
        }

        var webhooks = await db.Webhooks.AsNoTracking().Where(w => w.Status == WebhookStatus.Active && (w.TenantId == null || w.TenantId == envelope.TenantId))
            .Select(w => new { w.Id, w.EventTypes }).ToListAsync(ct);
        var interested = webhooks
            .Where(w => Array.Exists(w.EventTypes, pattern => EventTypePattern.Matches(pattern, envelope.Type)))
            .Select(w => w.Id)
            .ToArray();
        if (interested.Length == 0)
        {
            return;
        }

        if (PersonOf(envelope) is not { } person)
        {
            await CreateAsync(db, clock, envelope, data, interested, ct);
            signal.Signal.Set();
            return;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await ErasureLock.ShareAsync(db, person, ct);
        if (!await db.Contacts.AnyAsync(c => c.UserId == person && c.ErasedAt != null, ct))
        {
            await CreateAsync(db, clock, envelope, data, interested, ct);
        }

        await transaction.CommitAsync(ct);
        signal.Signal.Set();
    }

    /// <summary>Stores an event and its deliveries, due now.</summary>
    public static async Task CreateAsync(
        NotificationsDbContext db, TimeProvider clock, CloudEventEnvelope envelope, ReadOnlyMemory<byte> data, Guid[] webhooks, CancellationToken ct)
    {
        var ids = Array.ConvertAll(webhooks, _ => Ids.New(clock));
        // A replay is marked on the message that brought it; the event itself is the same. Whoever gets it by a replay waits since then.
        var body = (envelope with { Replay = false }).ToStructured(data.Span);
        DateTimeOffset? waitedFor = envelope.Replay ? null : envelope.Time.ToUniversalTime();
        await db.Database.ExecuteSqlAsync(
            $"""
            WITH event AS (
                INSERT INTO webhook_events (event_id, event_type, subject, body, event_time, received_at)
                VALUES ({envelope.Id}, {envelope.Type}, {envelope.Subject}, {body}, coalesce({waitedFor}::timestamptz, now()), now())
                ON CONFLICT (event_id) DO NOTHING
            ), wanted AS (
                -- Whoever switches a webhook off in this moment either finds the delivery and cancels it, or is seen here.
                SELECT n.id, w.id AS webhook_id FROM unnest({ids}, {webhooks}) AS n(id, webhook_id) JOIN webhooks w ON w.id = n.webhook_id
                WHERE w.status = 'active' ORDER BY w.id FOR SHARE OF w
            )
            INSERT INTO webhook_deliveries (id, webhook_id, event_id, due_at, created_at, trace_parent)
            SELECT id, webhook_id, {envelope.Id}, now(), now(), {Activity.Current?.Id} FROM wanted
            ON CONFLICT (webhook_id, event_id) DO NOTHING
            """,
            ct);
    }

    private static Guid? PersonOf(CloudEventEnvelope envelope) =>
        EventsOfPeople.Contain(envelope.Type) && Guid.TryParse(envelope.Subject, out var userId) ? userId : null;
}
