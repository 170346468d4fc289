using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Contracts.Events;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Notifications.Persistence;
using Notifications.Webhooks;
using Shop.Contracts;
using Validator = Chassis.Web.Validator;

namespace Notifications.Features;

/// <param name="Number">Counts from one.</param>
/// <param name="At">When it began.</param>
/// <param name="LatencyMs">Until the answer was read, or the attempt given up, in milliseconds.</param>
/// <param name="Status">The HTTP status that the endpoint answered with; null when there was no answer.</param>
/// <param name="Error">Why there was no answer.</param>
/// <param name="ResponseExcerpt">Beginning of the answer's body.</param>
internal sealed record AttemptView(int Number, DateTimeOffset At, double LatencyMs, int? Status, string? Error, string? ResponseExcerpt);

/// <summary>One event for one webhook, with everything that was tried.</summary>
internal sealed record DeliveryView(
    Guid Id, Guid WebhookId, string EventId, string EventType, string? Subject, DeliveryStatus Status, DateTimeOffset CreatedAt, DateTimeOffset? NextAttemptAt,
    DateTimeOffset? CompletedAt,
    IReadOnlyList<AttemptView> Attempts);

/// <param name="From">Deliveries created at this time or later.</param>
/// <param name="To">And before this time.</param>
/// <param name="Status">Only those in this state; without one all that failed or were cancelled.</param>
internal sealed record RedeliverRangeRequest(DateTimeOffset From, DateTimeOffset? To = null, DeliveryStatus? Status = null);

internal sealed record RedeliveryCount(int Count);

/// <summary>What was delivered, and doing it again.</summary>
internal static class WebhookDeliveries
{
    /// <summary>Type of the event that the test button sends; it is delivered whatever the webhook listens to.</summary>
    public const string TestEventType = ShopContracts.Namespace + ".webhook.test.v1";

    public static void Map(IEndpointRouteBuilder app, RouteGroupBuilder webhooks)
    {
        app.MapGet("/v1/webhook-deliveries", ListAll).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("ListDeliveries").WithSummary("What was sent to all webhooks, the newest first: about an order, an event, or with an outcome.");
        webhooks.MapPost("/{id:guid}/test", Test).RequireOperator(NotificationsPermissions.ChangeWebhooks).WithIdempotencyKey()
            .WithName("TestWebhook").WithSummary("Send a test event.");
        webhooks.MapGet("/{id:guid}/deliveries", List).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("ListWebhookDeliveries").WithSummary("What was sent, the newest first, with every attempt.");
        webhooks.MapGet("/{id:guid}/deliveries/{deliveryId:guid}", Get).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("ReadWebhookDelivery").WithSummary("One delivery.");
        webhooks.MapPost("/{id:guid}/deliveries/{deliveryId:guid}/redeliver", Redeliver).RequireOperator(
            NotificationsPermissions.ChangeWebhooks).WithIdempotencyKey()
            .WithName("RedeliverWebhook").WithSummary("Send it again, under the same id.");
        webhooks.MapPost("/{id:guid}/deliveries/redeliver", RedeliverRange).RequireOperator(NotificationsPermissions.ChangeWebhooks).WithIdempotencyKey()
            .WithName("RedeliverWebhooks").WithSummary("Send again what failed in a range of time.");
    }

    private static async Task<Accepted<DeliveryView>> Test(Guid id, NotificationsDbContext db, TimeProvider clock, CancellationToken ct)
    {
        var webhook = await MustBeActiveAsync(db, id, ct);
        var now = clock.GetUtcNow();
        var envelope = new CloudEventEnvelope(
            Ids.New(
                clock).ToString(), ShopContracts.Catalogue.SourceOf("notifications"), TestEventType, now, id.ToString(), CorrelationId: OperationContext.Current.CorrelationId,
            TenantId: webhook.TenantId);
        var data = JsonSerializer.SerializeToUtf8Bytes(
            new { webhookId = webhook.Id, message = "This is a test. Whoever verifies its signature is ready for events.", sentAt = now.UtcDateTime });
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await WebhookFanOut.CreateAsync(db, clock, envelope, data, [id], ct);
        await EndPauseAsync(db, id, ct);
        await transaction.CommitAsync(ct);
        var delivery = await db.WebhookDeliveries.AsNoTracking().Where(d => d.WebhookId == id && d.EventId == envelope.Id).StillThereAsync(ct);
        return TypedResults.Accepted($"/v1/webhooks/{id}/deliveries/{delivery.Id}", (await ViewAsync(db, [delivery], ct))[0]);
    }

    private static async Task<Ok<Page<DeliveryView>>> List(
        Guid id,
        [AsParameters] PageQuery page,
        [MaxLength(20)] string? status,
        [MaxLength(255)] string? eventId,
        NotificationsDbContext db,
        CancellationToken ct)
    {
        await db.FindAsync(id, ct);
        return await PageAsync(db, db.WebhookDeliveries.AsNoTracking().Where(d => d.WebhookId == id), page, status, eventId, ct);
    }

    private static Task<Ok<Page<DeliveryView>>> ListAll(
        [AsParameters] PageQuery page,
        Guid? orderId,
        [MaxLength(20)] string? status,
        [MaxLength(255)] string? eventId,
        NotificationsDbContext db,
        CancellationToken ct)
    {
        var deliveries = db.WebhookDeliveries.AsNoTracking();
        if (OperationContext.Current.TenantId is not null)
        {
            deliveries = deliveries.Where(d => db.Visible().Any(w => w.Id == d.WebhookId));
        }

        if (orderId is { } order)
        {
            var subject = order.ToString();
            deliveries = deliveries.Where(d => db.WebhookEvents.Any(e => e.Subject == subject && e.EventId == d.EventId));
        }

        return PageAsync(db, deliveries, page, status, eventId, ct);
    }

    private static async Task<Ok<Page<DeliveryView>>> PageAsync(
        NotificationsDbContext db, IQueryable<WebhookDelivery> deliveries, PageQuery page, string? status, string? eventId, CancellationToken ct)
    {
        if (QueryText.Parse<DeliveryStatus>("status", status) is { } wanted)
        {
            deliveries = deliveries.Where(d => d.Status == wanted);
        }

        if (eventId is not null)
        {
            deliveries = deliveries.Where(d => d.EventId == eventId);
        }

        if (page.After<Guid>() is { } after)
        {
            deliveries = deliveries.Where(d => d.Id < after);
        }

        var rows = await deliveries.OrderByDescending(d => d.Id).Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(await ViewAsync(db, rows, ct), page, d => d.Id));
    }

    private static async Task<Ok<DeliveryView>> Get(Guid id, Guid deliveryId, NotificationsDbContext db, CancellationToken ct)
    {
        await db.FindAsync(id, ct);
        var delivery = await db.WebhookDeliveries.AsNoTracking().SingleOrDefaultAsync(d => d.WebhookId == id && d.Id == deliveryId, ct)
            ?? throw ProblemException.NotFound("There is no such delivery.");
        return TypedResults.Ok((await ViewAsync(db, [delivery], ct))[0]);
    }

    private static async Task<Accepted<DeliveryView>> Redeliver(Guid id, Guid deliveryId, NotificationsDbContext db, TimeProvider clock, CancellationToken ct)
    {
        await MustBeActiveAsync(db, id, ct);
        var delivery = await db.WebhookDeliveries.AsNoTracking().SingleOrDefaultAsync(d => d.WebhookId == id && d.Id == deliveryId, ct)
            ?? throw ProblemException.NotFound("There is no such delivery.");
        var stored = await db.WebhookEvents.AsNoTracking().Where(e => e.EventId == delivery.EventId).StillThereAsync(ct);
        if (stored.Body.Length == 0)
        {
            throw ProblemException.Conflict("body_erased", "What this delivery was about has been erased.");
        }

        await using var transaction = await db.BeginOrJoinAsync(ct);
        await RestartAsync(db, id, [deliveryId], null, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, clock, ct);
        await transaction.CommitAsync(ct);
        var restarted = await db.WebhookDeliveries.AsNoTracking().Where(d => d.Id == deliveryId).StillThereAsync(ct);
        return TypedResults.Accepted($"/v1/webhooks/{id}/deliveries/{deliveryId}", (await ViewAsync(db, [restarted], ct))[0]);
    }

    private static async Task<Accepted<RedeliveryCount>> RedeliverRange(
        Guid id, RedeliverRangeRequest request, NotificationsDbContext db, TimeProvider clock, CancellationToken ct)
    {
        await MustBeActiveAsync(db, id, ct);
        new Validator().Check(request.To is null || request.To > request.From, "to", "must be later than from.").ThrowIfInvalid();
        string[] states = request.Status is { } wanted ? [wanted.ToString().ToLowerInvariant()] : ["failed", "cancelled"];
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var count = await RestartAsync(db, id, null, states, request.From, request.To ?? DateTimeOffset.MaxValue, clock, ct);
        await transaction.CommitAsync(ct);
        return TypedResults.Accepted((string?)null, new RedeliveryCount(count));
    }

    /// <summary>
    /// Puts deliveries at the beginning of the schedule, with the id and the bytes that they always had. One that is under way goes on as it is.
    /// </summary>
    private static async Task<int> RestartAsync(
        NotificationsDbContext db,
        Guid webhookId,
        Guid[]? ids,
        string[]? states,
        DateTimeOffset from,
        DateTimeOffset to,
        TimeProvider clock,
        CancellationToken ct)
    {
        var count = await db.Database.ExecuteSqlAsync(
            $"""
            UPDATE webhook_deliveries d SET status = 'pending', step = 0, due_at = now(), completed_at = NULL
            FROM webhook_events e
            WHERE e.event_id = d.event_id AND length(e.body) > 0 AND d.webhook_id = {webhookId}
                AND ({ids}::uuid[] IS NULL OR d.id = ANY ({ids})) AND ({states}::text[] IS NULL OR d.status = ANY ({states}))
                AND d.created_at >= {from.ToUniversalTime()} AND d.created_at < {to.ToUniversalTime()} AND (d.status <> 'pending' OR d.claim IS NULL)
            """,
            ct);
        await EndPauseAsync(db, webhookId, ct);
        return count;
    }

    // Whoever asks for a delivery wants it now, also when the endpoint is being left alone after failures.
    private static Task<int> EndPauseAsync(NotificationsDbContext db, Guid webhookId, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"UPDATE webhooks SET paused_until = NULL WHERE id = {webhookId} AND paused_until IS NOT NULL", ct);

    private static async Task<Webhook> MustBeActiveAsync(NotificationsDbContext db, Guid id, CancellationToken ct)
    {
        var webhook = await db.FindAsync(id, ct);
        return webhook.Status == WebhookStatus.Active
            ? webhook
            : throw ProblemException.Conflict("webhook_disabled", "The webhook is disabled. Switch it on first.");
    }

    private static async Task<IReadOnlyList<DeliveryView>> ViewAsync(NotificationsDbContext db, IReadOnlyList<WebhookDelivery> deliveries, CancellationToken ct)
    {
        var ids = deliveries.Select(d => d.Id).ToArray();
        var attempts = (await db.WebhookAttempts.AsNoTracking().Where(a => ids.Contains(a.DeliveryId)).OrderBy(a => a.Number).ToListAsync(ct))
            .ToLookup(a => a.DeliveryId, a => new AttemptView(a.Number, a.StartedAt, Math.Round(a.LatencyMs, 1), a.StatusCode, a.Error, a.ResponseExcerpt));
        var eventIds = deliveries.Select(d => d.EventId).Distinct().ToArray();
        var events = await db.WebhookEvents.AsNoTracking().Where(e => eventIds.Contains(e.EventId))
            .Select(e => new { e.EventId, e.EventType, e.Subject }).ToDictionaryAsync(e => e.EventId, ct);
        return
        [
            // What the housekeeping has taken away since is not there any more.
            .. deliveries.Where(d => events.ContainsKey(d.EventId)).Select(d => new DeliveryView(
                d.Id, d.WebhookId, d.EventId, events[d.EventId].EventType, events[d.EventId].Subject, d.Status, d.CreatedAt,
                d.Status == DeliveryStatus.Pending ? d.DueAt : null, d.CompletedAt, [.. attempts[d.Id]])),
        ];
    }
}
