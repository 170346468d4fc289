using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Notifications.Contacts;
using Notifications.Mails;
using Notifications.Persistence;
using Notifications.Webhooks;

namespace Notifications.Queues;

/// <summary>
/// Removes what is past its retention, a little at a time, and what late messages left of erased people; seals secrets that are not sealed with the key of
/// today.
/// </summary>
public sealed partial class Housekeeping(
    IServiceScopeFactory scopes,
    SecretVault vault,
    IOptions<MailOptions> mails,
    IOptions<WebhookOptions> webhooks,
    TimeProvider clock,
    ILogger<Housekeeping> logger)
    : PeriodicService(clock, logger)
{
    private const int Batch = 5000;

    // Longer than any message is redelivered or replayed by itself.
    private static readonly TimeSpan ErasureWatch = TimeSpan.FromDays(30);

    protected override TimeSpan Interval => TimeSpan.FromHours(1);

    // Secrets are sealed with the key of today from the first minute on.
    protected override bool IsFirstAtStart => true;

    /// <summary>One round.</summary>
    public async Task SweepAsync(CancellationToken ct)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<NotificationsDbContext>();
        var now = Clock.GetUtcNow();
        while (await db.Database.ExecuteSqlAsync(
            $"DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE status <> 'pending' AND completed_at < {now - mails.Value.Retention} LIMIT {Batch})",
            ct) == Batch)
        {
        }

        while (await db.Database.ExecuteSqlAsync(
            $"""
            DELETE FROM webhook_events WHERE event_id IN (
                SELECT e.event_id FROM webhook_events e WHERE e.received_at < {now - webhooks.Value.Retention}
                    AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = e.event_id AND d.status = 'pending') LIMIT {Batch})
            """,
            ct) == Batch)
        {
        }

        await db.Database.ExecuteSqlAsync($"DELETE FROM webhook_secrets WHERE expires_at < {now}", ct);
        var since = now - ErasureWatch;
        foreach (var userId in await db.Contacts.Where(c => c.ErasedAt > since).Select(c => c.UserId).ToListAsync(ct))
        {
            await ContactBook.EraseTracesAsync(db, userId, now, ct);
        }

        foreach (var webhook in (await vault.SealAllAsync(db, ct)).Lost)
        {
            LogLost(Logger, webhook);
        }
    }

    protected override Task RunOnceAsync(CancellationToken ct) => SweepAsync(ct);

    [LoggerMessage(5302, LogLevel.Warning,
        "No master secret opens a secret of webhook {WebhookId}: give the service the one that it was sealed with, or rotate the webhook's secret",
        EventName = "webhook.secret_lost")]
    private static partial void LogLost(ILogger logger, Guid webhookId);
}
