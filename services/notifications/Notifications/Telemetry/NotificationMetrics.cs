using System.Diagnostics;
using System.Diagnostics.Metrics;
using Chassis.Data;
using Notifications.Mails;
using Notifications.Webhooks;

namespace Notifications.Telemetry;

/// <summary>Figures of the service for OpenTelemetry; meter <c>notifications</c>. What came to an end is counted when that is committed.</summary>
public sealed class NotificationMetrics : IInstruments, IDisposable
{
    public const string MeterName = "notifications";

    /// <summary>The objectives <c>mails-sent</c> and <c>webhooks-attempted</c> of docs/operate/alerts.md.</summary>
    private static readonly TimeSpan MailInTime = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AttemptInTime = TimeSpan.FromSeconds(10);
    private static readonly InstrumentAdvice<int> Tries = new() { HistogramBucketBoundaries = [1, 2, 3, 4, 5, 7, 10] };

    private readonly Meter _meter;
    private readonly Counter<long> _mails;
    private readonly Counter<long> _mailsInTime;
    private readonly Histogram<double> _mailAge;
    private readonly Histogram<int> _mailAttempts;
    private readonly Histogram<double> _mailCall;
    private readonly Histogram<double> _mailWindow;
    private readonly Counter<long> _attempts;
    private readonly Histogram<double> _attemptCall;
    private readonly Counter<long> _firstAttempts;
    private readonly Counter<long> _firstAttemptsInTime;
    private readonly Histogram<double> _firstAttemptAge;
    private readonly Counter<long> _deliveries;

    public NotificationMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _mails = _meter.CreateCounter<long>("shop.mails", "{mail}", "Mails that came to an end.");
        _mailsInTime = _meter.CreateCounter<long>(
            "shop.mails.in_time", "{mail}", "Mails that the mail server has taken within 60 s of the event that asks for them, as promised.");
        _mailAge = _meter.CreateHistogram(
            "shop.mails.age", "s", "Time from the event that asks for a mail until the mail server has taken it, with all attempts.", advice: Buckets.Waits);
        _mailAttempts = _meter.CreateHistogram("shop.mails.attempts", "{attempt}", "Attempts of a mail that came to an end.", advice: Tries);
        _mailCall = _meter.CreateHistogram("shop.mails.call.duration", "s", "Time that the mail server took for a mail.", advice: Buckets.Calls);
        _mailWindow = _meter.CreateHistogram(
            "shop.mails.window", "s", "Time from the mail server's answer until it is recorded: a crash in it repeats the mail.", advice: Buckets.Calls);
        _attempts = _meter.CreateCounter<long>("shop.webhooks.attempts", "{attempt}", "Attempts to deliver a webhook.");
        _attemptCall = _meter.CreateHistogram("shop.webhooks.call.duration", "s", "Time that an endpoint took for an attempt.", advice: Buckets.Calls);
        _firstAttempts = _meter.CreateCounter<long>("shop.webhooks.first_attempts", "{delivery}", "Deliveries that were attempted for the first time.");
        _firstAttemptsInTime = _meter.CreateCounter<long>(
            "shop.webhooks.in_time", "{delivery}", "Of them those whose first attempt has ended within 10 s of the event, as promised.");
        _firstAttemptAge = _meter.CreateHistogram(
            "shop.webhooks.first_attempt.age", "s", "Time from an event until the first attempt to tell an endpoint of it has ended.", advice: Buckets.Waits);
        _deliveries = _meter.CreateCounter<long>(
            "shop.webhooks.deliveries", "{delivery}", "Deliveries that came to an end; those of a webhook that is removed are gone and do not count.");
    }

    public void StartAtZero()
    {
        foreach (var template in MailTemplate.All)
        {
            foreach (var status in Enum.GetValues<MailStatus>().Where(s => s != MailStatus.Pending))
            {
                _mails.Add(0, new TagList { { "template", template.Name }, { "outcome", NameOf(status) } });
            }
        }

        _mailsInTime.Add(0);
        _firstAttempts.Add(0);
        _firstAttemptsInTime.Add(0);
        foreach (var isDelivered in (bool[])[true, false])
        {
            _attempts.Add(0, new KeyValuePair<string, object?>("outcome", NameOf(isDelivered)));
        }

        foreach (var status in Enum.GetValues<DeliveryStatus>().Where(s => s != DeliveryStatus.Pending))
        {
            DeliveriesEnded(status, 0);
        }
    }

    /// <summary>What waits now, of the whole service.</summary>
    /// <param name="mails">How many, and the age of the oldest in seconds; null while that is not known.</param>
    /// <param name="webhooks">The same of deliveries.</param>
    public void Observe(Func<(long Pending, double OldestAge)?> mails, Func<(long Pending, double OldestAge)?> webhooks)
    {
        _meter.CreateObservableGauge(
            "shop.mails.pending", () => Of(mails(), f => f.Pending), "{mail}", "Mails that have not come to an end. Every replica says the same.");
        _meter.CreateObservableGauge(
            "shop.mails.oldest_age", () => Of(mails(), f => f.OldestAge), "s", "Age of the event of the oldest of them. Every replica says the same.");
        _meter.CreateObservableGauge(
            "shop.webhooks.pending",
            () => Of(webhooks(), f => f.Pending),
            "{delivery}",
            "Deliveries that have not come to an end, also those that wait for their next attempt. Every replica says the same.");
        _meter.CreateObservableGauge(
            "shop.webhooks.oldest_age", () => Of(webhooks(), f => f.OldestAge), "s", "Age of the oldest of them. Every replica says the same.");
    }

    public void MailEnded(string template, MailStatus status, int attempts)
    {
        _mails.Add(1, new TagList { { "template", template }, { "outcome", NameOf(status) } });
        _mailAttempts.Record(attempts);
    }

    /// <param name="age">Since the event.</param>
    /// <param name="call">Of the mail server.</param>
    /// <param name="unrecorded">Since its answer.</param>
    public void MailSent(TimeSpan age, TimeSpan call, TimeSpan unrecorded)
    {
        _mailAge.Record(Math.Max(0, age.TotalSeconds));
        if (age <= MailInTime)
        {
            _mailsInTime.Add(1);
        }

        _mailCall.Record(call.TotalSeconds);
        _mailWindow.Record(unrecorded.TotalSeconds);
    }

    public void Attempted(AttemptResult result)
    {
        _attempts.Add(1, new KeyValuePair<string, object?>("outcome", NameOf(result.Delivered)));
        _attemptCall.Record(result.Latency.TotalSeconds);
        if (result.Delivery.Attempts == 1)
        {
            var age = result.Delivery.SinceEvent + result.Latency;
            _firstAttemptAge.Record(Math.Max(0, age.TotalSeconds));
            _firstAttempts.Add(1);
            if (age <= AttemptInTime)
            {
                _firstAttemptsInTime.Add(1);
            }
        }
    }

    public void DeliveriesEnded(DeliveryStatus status, int count) => _deliveries.Add(count, new KeyValuePair<string, object?>("outcome", NameOf(status)));

    public void Dispose() => _meter.Dispose();

    private static IEnumerable<Measurement<T>> Of<T>((long, double)? figures, Func<(long Pending, double OldestAge), T> value)
        where T : struct => figures is { } known ? [new Measurement<T>(value(known))] : [];

    private static string NameOf(bool isDelivered) => isDelivered ? "delivered" : "failed";

    private static string NameOf(MailStatus status) => status switch
    {
        MailStatus.Sent => "sent",
        MailStatus.Failed => "failed",
        _ => "suppressed",
    };

    private static string NameOf(DeliveryStatus status) => status switch
    {
        DeliveryStatus.Succeeded => "succeeded",
        DeliveryStatus.Failed => "failed",
        _ => "cancelled",
    };
}
