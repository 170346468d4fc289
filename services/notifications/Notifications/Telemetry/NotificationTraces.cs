using System.Diagnostics;
using System.Globalization;
using Chassis;
using Notifications.Mails;
using Notifications.Webhooks;

namespace Notifications.Telemetry;

/// <summary>The spans of the service's own; source <c>notifications</c>. They say neither who is written to nor what.</summary>
internal static class NotificationTraces
{
    private static readonly ActivitySource Source = new(NotificationMetrics.MeterName);

    /// <summary>An attempt at a mail, in the trace of what it tells of.</summary>
    public static Activity? Begin(ClaimedMail mail)
    {
        var span = Source.Continue(ActivityKind.Client, "mail", mail.Template, mail.TraceParent);
        if (span is { IsAllDataRequested: true })
        {
            span.SetTag("network.protocol.name", "smtp");
            span.SetTag("shop.mail.id", mail.Id);
            span.SetTag("shop.mail.template", mail.Template);
            span.SetTag("shop.mail.attempt", mail.Attempts);
            span.SetTag("cloudevents.event_id", mail.EventId);
        }

        return span;
    }

    /// <summary>An attempt at a delivery, in the trace of what it tells of; one that an operator has asked for has a trace of its own.</summary>
    public static Activity? Begin(ClaimedDelivery delivery)
    {
        var span = Source.Continue(ActivityKind.Internal, "deliver", "webhook", delivery.TraceParent, isApart: delivery.IsAgain);
        if (span is { IsAllDataRequested: true })
        {
            span.SetTag("shop.webhook.id", delivery.WebhookId);
            span.SetTag("shop.webhook.delivery.id", delivery.Id);
            span.SetTag("shop.webhook.attempt", delivery.Attempts);
            span.SetTag("cloudevents.event_id", delivery.EventId);
            span.SetTag("cloudevents.event_type", delivery.EventType);
        }

        return span;
    }

    public static void End(Activity? span, AttemptResult result)
    {
        if (!result.Delivered)
        {
            span.Fail(result.StatusCode?.ToString(CultureInfo.InvariantCulture) ?? "no_answer");
        }
    }
}
