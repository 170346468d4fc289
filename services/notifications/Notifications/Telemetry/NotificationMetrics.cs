using System.Diagnostics.Metrics;
using Notifications.Mails;

namespace Notifications.Telemetry;

/// <summary>Figures of the service for OpenTelemetry; meter <c>notifications</c>.</summary>
public sealed class NotificationMetrics : IDisposable
{
    public const string MeterName = "notifications";

    private readonly Meter meter;
    private readonly Counter<long> mails;
    private readonly Histogram<double> mailDuration;
    private readonly Histogram<double> mailWindow;
    private readonly Counter<long> attempts;
    private readonly Histogram<double> attemptDuration;

    public NotificationMetrics(IMeterFactory factory)
    {
        meter = factory.Create(MeterName);
        mails = meter.CreateCounter<long>("notifications.mails", description: "Mails that came to an end, by template and status.");
        mailDuration = meter.CreateHistogram<double>("notifications.mail.duration", "s", "Time that the mail server took for a mail.");
        mailWindow = meter.CreateHistogram<double>("notifications.mail.window", "s", "Time from the mail server's answer until it is recorded: a crash in it repeats the mail.");
        attempts = meter.CreateCounter<long>("notifications.webhook.attempts", description: "Attempts to deliver a webhook, by outcome.");
        attemptDuration = meter.CreateHistogram<double>("notifications.webhook.duration", "s", "Time that an endpoint took for an attempt.");
    }

    public void MailEnded(string template, MailStatus status) =>
        mails.Add(1, new KeyValuePair<string, object?>("template", template), new("status", status.ToString().ToLowerInvariant()));

    public void MailSent(TimeSpan duration, TimeSpan unrecorded)
    {
        mailDuration.Record(duration.TotalSeconds);
        mailWindow.Record(unrecorded.TotalSeconds);
    }

    public void Attempted(bool delivered, TimeSpan duration)
    {
        attempts.Add(1, new KeyValuePair<string, object?>("outcome", delivered ? "delivered" : "failed"));
        attemptDuration.Record(duration.TotalSeconds);
    }

    public void Dispose() => meter.Dispose();
}
