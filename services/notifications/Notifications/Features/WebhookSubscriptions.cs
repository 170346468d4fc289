using System.ComponentModel.DataAnnotations;
using System.Net.Sockets;
using Chassis;
using Chassis.Data;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Notifications.Persistence;
using Notifications.Telemetry;
using Notifications.Webhooks;
using Validator = Chassis.Web.Validator;

namespace Notifications.Features;

/// <param name="Url">Where deliveries go: https, a public host, a port that the configuration allows.</param>
/// <param name="EventTypes">Event types, with <c>*</c> as wildcard: <c>shop.order.*</c>.</param>
/// <param name="Description">For people.</param>
internal sealed record RegisterWebhookRequest(
    [property: MaxLength(EndpointRules.MaxLength)] string Url,
    [property: Length(1, WebhookSubscriptions.MaxPatterns), Each(EventTypePattern.MaxLength)] IReadOnlyList<string> EventTypes,
    [property: Text(WebhookSubscriptions.MaxDescription)] string? Description = null);

/// <summary>What is left out, or null, stays as it is.</summary>
internal sealed record ChangeWebhookRequest(
    [property: MaxLength(EndpointRules.MaxLength)] string? Url = null,
    [property: Length(1, WebhookSubscriptions.MaxPatterns), Each(EventTypePattern.MaxLength)] IReadOnlyList<string>? EventTypes = null,
    [property: Text(WebhookSubscriptions.MaxDescription)] string? Description = null,
    WebhookStatus? Status = null);

/// <summary>A webhook with its secret, which is shown this once.</summary>
internal sealed record RegisteredWebhook(
    Guid Id, string Url, IReadOnlyList<string> EventTypes, string? Description, WebhookStatus Status, DateTimeOffset CreatedAt,
    DateTimeOffset UpdatedAt, long Version,
    string Secret);

/// <param name="Secret">The new secret, shown this once.</param>
/// <param name="PreviousExpiresAt">Until then deliveries carry a signature of the previous secret as well.</param>
internal sealed record RotatedSecret(string Secret, DateTimeOffset PreviousExpiresAt);

/// <summary>Partners' endpoints, for operators.</summary>
internal static class WebhookSubscriptions
{
    internal const int MaxDescription = 500;
    internal const int MaxPatterns = 50;

    // Each signs every delivery, until its overlap is over.
    private const int MaxSecrets = 5;

    public static void Map(RouteGroupBuilder webhooks)
    {
        webhooks.MapPost("", Register).RequireOperator(NotificationsPermissions.ChangeWebhooks).WithIdempotencyKey(shownOnce: "secret")
            .WithName("RegisterWebhook").WithSummary("Register an endpoint. The answer has the secret, this once.");
        webhooks.MapGet("", List).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("ListWebhooks").WithSummary("All webhooks, the newest first.");
        webhooks.MapGet("/{id:guid}", Get).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("ReadWebhook").WithSummary("One webhook.");
        webhooks.MapPatch("/{id:guid}", Change).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("ChangeWebhook").WithSummary("Change what it gets and where, or switch it off and on.");
        webhooks.MapDelete("/{id:guid}", Delete).RequireOperator(NotificationsPermissions.ChangeWebhooks)
            .WithName("DeleteWebhook").WithSummary("Delete it with what it was sent.");
        webhooks.MapPost("/{id:guid}/rotate-secret", RotateSecret).RequireOperator(
            NotificationsPermissions.ChangeWebhooks).WithIdempotencyKey(shownOnce: "secret")
            .WithName("RotateWebhookSecret").WithSummary("A new secret; deliveries carry a signature of the old one too for a while.");
    }

    internal static async Task<Webhook> FindAsync(this NotificationsDbContext db, Guid id, CancellationToken ct) =>
        await db.Visible().SingleOrDefaultAsync(w => w.Id == id, ct) ?? throw ProblemException.NotFound("There is no such webhook.");

    /// <summary>An operator of a tenant sees the webhooks of that tenant, one of the installation all.</summary>
    internal static IQueryable<Webhook> Visible(this NotificationsDbContext db)
    {
        var tenant = OperationContext.Current.TenantId;
        return db.Webhooks.Where(w => tenant == null || w.TenantId == tenant);
    }

    private static async Task<ETagged<Created<RegisteredWebhook>>> Register(
        RegisterWebhookRequest request, EndpointCheck check, SecretVault vault, WebhookBindings bindings, NotificationsDbContext db,
        WebhookOptions options, TimeProvider clock,
        CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await ValidateAsync(request.Url, request.EventTypes, check, ct);
        await using var transaction = await db.BeginOrJoinAsync(ct);
        await MustHaveRoomAsync(db, options.MaxPerTenant, ct);
        var now = clock.GetUtcNow();
        var webhook = new Webhook
        {
            Id = Ids.New(clock),
            TenantId = OperationContext.Current.TenantId,
            Url = request.Url,
            EventTypes = [.. request.EventTypes.Distinct()],
            Description = request.Description,
            CreatedAt = now,
            UpdatedAt = now,
            Version = 1,
        };
        var secret = StandardWebhooks.NewSecret();
        db.AddRange(webhook, new WebhookSecret { Id = Ids.New(clock), WebhookId = webhook.Id, Secret = vault.Seal(webhook.Id, secret), CreatedAt = now });
        await db.SaveChangesAsync(ct);
        await bindings.TakeAsync(db, webhook.EventTypes, ct);
        await transaction.CommitAsync(ct);
        return TypedResults.Created(
            $"/v1/webhooks/{webhook.Id}",
            new RegisteredWebhook(
                webhook.Id, webhook.Url, webhook.EventTypes, webhook.Description, webhook.Status, now, now, webhook.Version, secret)).WithETag(webhook.Version);
    }

    // One after the other, so that two at once are not both the last one.
    private static async Task MustHaveRoomAsync(NotificationsDbContext db, int most, CancellationToken ct)
    {
        var tenant = OperationContext.Current.TenantId;
        await db.Database.ExecuteSqlAsync($"SELECT pg_advisory_xact_lock(hashtextextended({$"webhooks:{tenant}"}, 0))", ct);
        if (await db.Webhooks.CountAsync(w => w.TenantId == tenant, ct) >= most)
        {
            throw ProblemException.TooMany("too_many_webhooks", $"There may be {most} webhooks. Delete one of them first.", TimeSpan.FromMinutes(1));
        }
    }

    private static async Task<Ok<Page<WebhookView>>> List(
        [AsParameters] PageQuery page, [MaxLength(20)] string? status, NotificationsDbContext db, WebhookHealth health, CancellationToken ct)
    {
        var webhooks = db.Visible().AsNoTracking();
        if (QueryText.Parse<WebhookStatus>("status", status) is { } wanted)
        {
            webhooks = webhooks.Where(w => w.Status == wanted);
        }

        if (page.After<Guid>() is { } after)
        {
            webhooks = webhooks.Where(w => w.Id < after);
        }

        var rows = await webhooks.OrderByDescending(w => w.Id).Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of(await health.ViewAsync(rows, ct), page, w => w.Id));
    }

    private static async Task<ETagged<Ok<WebhookView>>> Get(Guid id, NotificationsDbContext db, WebhookHealth health, CancellationToken ct)
    {
        var webhook = await db.FindAsync(id, ct);
        return TypedResults.Ok(await health.ViewAsync(webhook, ct)).WithETag(webhook.Version);
    }

    private static async Task<ETagged<Ok<WebhookView>>> Change(
        Guid id, ChangeWebhookRequest request, ExpectedVersion expected, EndpointCheck check, WebhookBindings bindings, NotificationsDbContext db,
        NotificationMetrics metrics,
        WebhookHealth health,
        TimeProvider clock,
        CancellationToken ct)
    {
        new Validator().Bounds(request).ThrowIfInvalid();
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var webhook = await db.FindAsync(id, ct);
        expected.Check(webhook.Version);
        if (request == new ChangeWebhookRequest())
        {
            return TypedResults.Ok(await health.ViewAsync(webhook, ct)).WithETag(webhook.Version);
        }

        await ValidateAsync(request.Url ?? webhook.Url, request.EventTypes ?? webhook.EventTypes, check, ct);
        var now = clock.GetUtcNow();
        webhook.Url = request.Url ?? webhook.Url;
        webhook.EventTypes = request.EventTypes is { } types ? [.. types.Distinct()] : webhook.EventTypes;
        webhook.Description = request.Description ?? webhook.Description;
        if (request.Status == WebhookStatus.Disabled && webhook.Status == WebhookStatus.Active)
        {
            (webhook.Status, webhook.DisabledAt, webhook.DisabledReason) = (WebhookStatus.Disabled, now, "Disabled by an operator.");
        }
        else if (request.Status == WebhookStatus.Active || request.Url is not null)
        {
            // Whoever switches it on again, or points it elsewhere, wants it to be tried.
            (webhook.ConsecutiveFailures, webhook.FailingSince, webhook.PausedUntil) = (0, null, null);
            (webhook.Status, webhook.DisabledAt, webhook.DisabledReason) =
                request.Status == WebhookStatus.Active ? (WebhookStatus.Active, null, null) : (webhook.Status, webhook.DisabledAt, webhook.DisabledReason);
        }

        (webhook.UpdatedAt, webhook.Version) = (now, webhook.Version + 1);
        await db.SaveChangesAsync(ct);
        if (webhook.Status == WebhookStatus.Disabled)
        {
            // After the webhook itself, whose row decides between this and events that are fanned out in this moment.
            var cancelled = await db.Database.ExecuteSqlAsync(
                $"UPDATE webhook_deliveries SET status = 'cancelled', completed_at = now(), claim = NULL WHERE webhook_id = {id} AND status = 'pending'", ct);
            db.OnCommitted(() => metrics.DeliveriesEnded(DeliveryStatus.Cancelled, cancelled));
        }
        else if (request.EventTypes is not null || request.Status == WebhookStatus.Active)
        {
            await bindings.TakeAsync(db, webhook.EventTypes, ct);
        }

        await transaction.CommitAsync(ct);
        return TypedResults.Ok(await health.ViewAsync(webhook, ct)).WithETag(webhook.Version);
    }

    private static async Task<NoContent> Delete(Guid id, ExpectedVersion expected, NotificationsDbContext db, CancellationToken ct)
    {
        var webhook = await db.FindAsync(id, ct);
        expected.Check(webhook.Version);
        db.Remove(webhook);
        await db.SaveChangesAsync(ct);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<RotatedSecret>> RotateSecret(
        Guid id,
        ExpectedVersion expected,
        SecretVault vault,
        NotificationsDbContext db,
        IOptions<WebhookOptions> options,
        TimeProvider clock,
        CancellationToken ct)
    {
        var webhook = await db.FindAsync(id, ct);
        expected.Check(webhook.Version);
        var now = clock.GetUtcNow();
        var previousExpires = now + options.Value.SecretOverlap;
        var valid = await db.WebhookSecrets.Where(s => s.WebhookId == id && (s.ExpiresAt == null || s.ExpiresAt > now)).ToListAsync(ct);
        if (valid.Count >= MaxSecrets)
        {
            throw ProblemException.Conflict(
                "too_many_secrets",
                $"The webhook has {valid.Count} secrets that are still valid. The next one can be made at {valid.Min(s => s.ExpiresAt):O}, when the oldest ends.");
        }

        foreach (var known in valid.Where(s => s.ExpiresAt is null))
        {
            // A secret that was replaced lives out its overlap, however many follow it: the partner may still have that one.
            known.ExpiresAt = previousExpires;
        }

        var secret = StandardWebhooks.NewSecret();
        db.Add(new WebhookSecret { Id = Ids.New(clock), WebhookId = id, Secret = vault.Seal(id, secret), CreatedAt = now });

        // The version makes two rotations at once collide.
        (webhook.UpdatedAt, webhook.Version) = (now, webhook.Version + 1);
        await db.SaveChangesAsync(ct);
        return TypedResults.Ok(new RotatedSecret(secret, previousExpires));
    }

    private static async Task ValidateAsync(string url, IReadOnlyList<string> eventTypes, EndpointCheck check, CancellationToken ct)
    {
        var validator = new Validator();
        if (await check.RefuseAsync(url, ct) is { } refusal)
        {
            validator.Add("url", refusal);
        }

        for (var i = 0; i < eventTypes.Count; i++)
        {
            validator.Check(
                eventTypes[i] is { } pattern && EventTypePattern.IsValid(pattern),
                $"eventTypes[{i}]",
                "must be an event type such as shop.order.shipped.v1, or with wildcards shop.order.*.");
        }

        validator.ThrowIfInvalid();
    }
}

/// <summary>The rules for URLs, and a first look at what the name resolves to; the one that counts is made at every connect.</summary>
public sealed class EndpointCheck(EndpointRules rules, AddressRules addresses, IHostResolver resolver)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public async Task<string?> RefuseAsync(string text, CancellationToken ct)
    {
        if (rules.Refuse(text, out var url) is { } refusal)
        {
            return refusal;
        }

        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(ct);
        timeout.CancelAfter(Patience);
        try
        {
            var found = await resolver.ResolveAsync(url!.IdnHost, timeout.Token);
            return found.Length > 0 && !Array.Exists(found, addresses.Allows) ? "must have a public host name." : null;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            // A name that is not known yet may be known when there is something to deliver.
            return null;
        }
    }
}
