using Chassis;
using Chassis.Messaging.Erasure;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;
using Notifications.Webhooks;

namespace Notifications.Contacts;

/// <summary>
/// Keeps contacts up to date. Every field has the version of the user that it comes from, so that events may arrive twice and in any order;
/// a tombstone takes nothing in any more.
/// </summary>
public sealed class ContactBook(NotificationsDbContext db, TimeProvider clock)
{
    private static string? Tenant => OperationContext.Current.TenantId;

    public Task SetEmailAsync(Guid userId, string email, long version, CancellationToken ct) => WriteAsync(
        $"""
        INSERT INTO contacts AS c (user_id, tenant_id, email, email_version, updated_at) VALUES ({userId}, {Tenant}, {email}, {version}, {clock.GetUtcNow()})
        ON CONFLICT (user_id) DO UPDATE SET tenant_id = coalesce(c.tenant_id, excluded.tenant_id), email = excluded.email, email_version = excluded.email_version, updated_at = excluded.updated_at
        WHERE c.email_version < excluded.email_version AND c.erased_at IS NULL
        """,
        userId, ct);

    public Task SetNameAsync(Guid userId, string? fullName, long version, CancellationToken ct) => WriteAsync(
        $"""
        INSERT INTO contacts AS c (user_id, tenant_id, full_name, name_version, updated_at) VALUES ({userId}, {Tenant}, {fullName}, {version}, {clock.GetUtcNow()})
        ON CONFLICT (user_id) DO UPDATE SET tenant_id = coalesce(c.tenant_id, excluded.tenant_id), full_name = excluded.full_name, name_version = excluded.name_version, updated_at = excluded.updated_at
        WHERE c.name_version < excluded.name_version AND c.erased_at IS NULL
        """,
        userId, ct);

    public Task SetLocaleAsync(Guid userId, string? locale, long version, CancellationToken ct) => WriteAsync(
        $"""
        INSERT INTO contacts AS c (user_id, tenant_id, locale, locale_version, updated_at) VALUES ({userId}, {Tenant}, {locale}, {version}, {clock.GetUtcNow()})
        ON CONFLICT (user_id) DO UPDATE SET tenant_id = coalesce(c.tenant_id, excluded.tenant_id), locale = excluded.locale, locale_version = excluded.locale_version, updated_at = excluded.updated_at
        WHERE c.locale_version < excluded.locale_version AND c.erased_at IS NULL
        """,
        userId, ct);

    public Task SetActiveAsync(Guid userId, bool active, long version, CancellationToken ct) => WriteAsync(
        $"""
        INSERT INTO contacts AS c (user_id, tenant_id, active, active_version, updated_at) VALUES ({userId}, {Tenant}, {active}, {version}, {clock.GetUtcNow()})
        ON CONFLICT (user_id) DO UPDATE SET tenant_id = coalesce(c.tenant_id, excluded.tenant_id), active = excluded.active, active_version = excluded.active_version, updated_at = excluded.updated_at
        WHERE c.active_version < excluded.active_version AND c.erased_at IS NULL
        """,
        userId, ct);

    /// <summary>Removes what there is of a person: the contact, mails to them, and what webhooks were sent about them. The history keeps its shape.</summary>
    public async Task EraseAsync(Guid userId, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await ErasureLock.TakeAsync(db, userId, ct);
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO contacts (user_id, tenant_id, erased_at, updated_at) VALUES ({userId}, {Tenant}, {now}, {now})
            ON CONFLICT (user_id) DO UPDATE SET email = NULL, full_name = NULL, locale = NULL, active = false,
                erased_at = coalesce(contacts.erased_at, excluded.erased_at), updated_at = excluded.updated_at
            """,
            ct);
        await db.Database.ExecuteSqlAsync($"DELETE FROM notification_preferences WHERE user_id = {userId}", ct);
        await EraseTracesAsync(db, userId, now, ct);
        await Idempotency.ForgetAsync(db, userId, ct);
        await PersonalData.EraseAsync(db, userId, [], ct);
    }

    /// <summary>The traces of an erased user that a late message may have left; run again by the housekeeping.</summary>
    /// <remarks>A mail that is being sent loses its claim, so that its sender cannot write the address back when it is through.</remarks>
    public static async Task EraseTracesAsync(NotificationsDbContext db, Guid userId, DateTimeOffset now, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync(
            $$"""
            UPDATE mails SET recipient = NULL, locale = NULL, data = '{}', last_error = NULL, claim = NULL,
                completed_at = CASE WHEN status = 'pending' THEN {{now}} ELSE completed_at END,
                status = CASE WHEN status = 'pending' THEN 'suppressed' ELSE status END
            WHERE user_id = {{userId}} AND (recipient IS NOT NULL OR data <> '{}')
            """,
            ct);
        var subject = userId.ToString();

        // First of all, since whoever writes down an attempt looks here (DeliveryQueue).
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE webhook_events SET body = ''
            WHERE subject = {subject} AND event_type LIKE {EventsOfPeople.Pattern} AND event_type NOT LIKE {EventsOfPeople.ErasedPattern}
            """,
            ct);
        await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE webhook_deliveries d SET status = 'cancelled', completed_at = {now}
            FROM webhook_events e WHERE d.event_id = e.event_id AND d.status = 'pending'
                AND e.subject = {subject} AND e.event_type LIKE {EventsOfPeople.Pattern} AND e.event_type NOT LIKE {EventsOfPeople.ErasedPattern}
            """,
            ct);
        await db.Database.ExecuteSqlAsync(
            $"""
            DELETE FROM webhook_attempts a USING webhook_deliveries d, webhook_events e
            WHERE a.delivery_id = d.id AND d.event_id = e.event_id
                AND e.subject = {subject} AND e.event_type LIKE {EventsOfPeople.Pattern} AND e.event_type NOT LIKE {EventsOfPeople.ErasedPattern}
            """,
            ct);

        // Why an order was cancelled the person may have said. That it was, partners are still to hear, in the words in which it was signed: then the words go.
        // (CASE, since a condition may be looked at before the others, and an emptied event is no JSON.)
        await db.Database.ExecuteSqlAsync(
            $$"""
            WITH said AS (
                UPDATE webhook_events e SET body = convert_to(jsonb_set(convert_from(e.body, 'UTF8')::jsonb, '{data,reason}', '"erased"')::text, 'UTF8')
                WHERE e.event_type LIKE {{EventsOfPeople.CancelledPattern}} AND e.subject IN (SELECT order_id::text FROM mails WHERE user_id = {{userId}} AND order_id IS NOT NULL)
                    AND CASE WHEN e.event_type LIKE {{EventsOfPeople.CancelledPattern}} THEN convert_from(e.body, 'UTF8')::jsonb #>> '{data,reason}' END <> 'erased'
                    AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = e.event_id AND d.status = 'pending')
                RETURNING e.event_id)
            UPDATE webhook_attempts a SET response_excerpt = NULL FROM webhook_deliveries d JOIN said ON said.event_id = d.event_id WHERE a.delivery_id = d.id
            """,
            ct);
    }

    private async Task WriteAsync(FormattableString upsert, Guid userId, CancellationToken ct)
    {
        await db.Database.ExecuteSqlAsync(upsert, ct);

        // Mails that had nobody to go to yet.
        await db.Database.ExecuteSqlAsync(
            $"UPDATE mails SET due_at = now() WHERE user_id = {userId} AND status = 'pending' AND recipient IS NULL AND claim IS NULL", ct);
    }
}
