using System.ComponentModel.DataAnnotations;
using Chassis;
using Chassis.Web;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Notifications.Mails;
using Notifications.Persistence;

namespace Notifications.Features;

/// <summary>A mail as the list shows it.</summary>
/// <param name="Id">The mail.</param>
/// <param name="UserId">The customer; null for a mail to operators.</param>
/// <param name="OrderId">The order that it is about.</param>
/// <param name="Template">What kind of mail it is.</param>
/// <param name="Recipient">Where it went or goes; null while the address is not known, and after an erasure.</param>
/// <param name="Status">pending, sent, failed or suppressed.</param>
/// <param name="Attempts">How often the mail server was asked to take it.</param>
/// <param name="EventId">The event that it tells of.</param>
/// <param name="EventType">The type of that event.</param>
/// <param name="CreatedAt">When the event arrived.</param>
/// <param name="NextAttemptAt">When it is tried again; only while pending.</param>
/// <param name="SentAt">When the mail server took it.</param>
/// <param name="CompletedAt">When it was sent, given up or suppressed.</param>
/// <param name="Error">Why it failed, was suppressed, or has to wait.</param>
internal sealed record NotificationView(
    Guid Id, Guid? UserId, Guid? OrderId, string Template, string? Recipient, MailStatus Status, int Attempts, string EventId, string EventType,
    DateTimeOffset CreatedAt, DateTimeOffset? NextAttemptAt, DateTimeOffset? SentAt, DateTimeOffset? CompletedAt, string? Error);

/// <summary>Mails, newest first: customers see their own, operators all.</summary>
internal static class ListNotifications
{
    public static RouteHandlerBuilder Map(IEndpointRouteBuilder app) =>
        app.MapGet("/v1/notifications", List).RequireCustomer(others: Permissions.ReadPersonalData)
            .WithName("ListNotifications").WithSummary("Mails, the newest first: own ones, or everybody's for operators.");

    private static async Task<Ok<Page<NotificationView>>> List(
        [AsParameters] PageQuery page, Guid? userId, Guid? orderId, [MaxLength(20)] string? status, [MaxLength(50)] string? template,
        Caller caller, NotificationsDbContext db, CancellationToken ct)
    {
        if (userId is { } other && !caller.MaySee(other))
        {
            throw ProblemException.Forbidden("Only operators may ask for somebody else's notifications.");
        }

        var mails = db.Mails.AsNoTracking();
        if ((caller.MaySeeOthers ? userId : caller.UserId) is { } owner)
        {
            mails = mails.Where(m => m.UserId == owner);
        }

        if (caller.TenantId is { } tenant)
        {
            mails = mails.Where(m => m.TenantId == tenant);
        }

        if (orderId is { } order)
        {
            mails = mails.Where(m => m.OrderId == order);
        }

        if (QueryText.Parse<MailStatus>("status", status) is { } wanted)
        {
            mails = mails.Where(m => m.Status == wanted);
        }

        if (template is not null)
        {
            mails = mails.Where(m => m.Template == template);
        }

        if (page.After<Guid>() is { } after)
        {
            mails = mails.Where(m => m.Id < after);
        }

        var rows = await mails.OrderByDescending(m => m.Id).Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(Page.Of([.. rows.Select(View)], page, m => m.Id));
    }

    private static NotificationView View(Mail m) => new(
        m.Id, m.UserId, m.OrderId, m.Template, m.Recipient, m.Status, m.Attempts, m.EventId, m.EventType, m.CreatedAt,
        m.Status == MailStatus.Pending ? m.DueAt : null, m.Status == MailStatus.Sent ? m.CompletedAt : null, m.CompletedAt, m.LastError);
}
