using System.Diagnostics.Metrics;
using Notifications.Mails;

namespace Notifications.Telemetry;

/// <summary>Figures of the service for OpenTelemetry; meter <c>notifications</c>.</summary>
public sealed class NotificationMetrics : IDisposable
{
    public const string MeterName = "notifications";

    private readonly Meter _meter;
    private readonly Counter<long> _mails;
    private readonly Histogram<double> _mailDuration;
    private readonly Histogram<double> _mailWindow;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _attemptDuration;

    public NotificationMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _mails = _meter.CreateCounter<long>("shop.mails", "{mail}", "Mails that came to an end, by template and outcome.");
        _mailDuration = _meter.CreateHistogram<double>("shop.mails.call.duration", "s", "Time that the mail server took for a mail.");
        _mailWindow = _meter.CreateHistogram<double>(
            "shop.mails.window", "s", "Time from the mail server's answer until it is recorded: a crash in it repeats the mail.");
        _attempts = _meter.CreateCounter<long>("shop.webhooks.attempts", "{attempt}", "Attempts to deliver a webhook, by outcome.");
        _attemptDuration = _meter.CreateHistogram<double>("shop.webhooks.call.duration", "s", "Time that an endpoint took for an attempt.");
    }

    public void MailEnded(string template, MailStatus status) =>
        _mails.Add(1, new KeyValuePair<string, object?>("template", template), new("outcome", status.ToString().ToLowerInvariant()));

    public void MailSent(TimeSpan duration, TimeSpan unrecorded)
    {
        _mailDuration.Record(duration.TotalSeconds);
        _mailWindow.Record(unrecorded.TotalSeconds);
    }

    public void Attempted(bool delivered, TimeSpan duration)
    {
        _attempts.Add(1, new KeyValuePair<string, object?>("outcome", delivered ? "delivered" : "failed"));
        _attemptDuration.Record(duration.TotalSeconds);
    }

    public void Dispose() => _meter.Dispose();
}
