using System.Diagnostics;
using System.Diagnostics.Metrics;
using Chassis.Data;

namespace Orders.Payments;

/// <summary>What the payment provider answers. Each answer counts: an operation that is asked again gets another one.</summary>
internal sealed class PaymentMetrics : IInstruments, IDisposable
{
    private static readonly string[] Operations = [.. Enum.GetNames<PaymentOperation>().Select(o => o.ToLowerInvariant())];

    private readonly Meter _meter;
    private readonly Counter<long> _outcomes;
    private readonly Histogram<double> _duration;

    public PaymentMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("orders");
        _outcomes = _meter.CreateCounter<long>("shop.payments.outcomes", "{answer}", "Answers of the payment provider, also to what was asked again.");
        _duration = _meter.CreateHistogram("shop.payments.call.duration", "s", "One operation at the provider, with its repeats.", advice: Buckets.Calls);
    }

    public void StartAtZero()
    {
        foreach (var operation in Operations)
        {
            foreach (var outcome in (string[])["created", "pending", "approved", "declined", "unknown"])
            {
                _outcomes.Add(0, new TagList { { "operation", operation }, { "outcome", outcome } });
            }
        }
    }

    public void Answered(PaymentOperation operation, PaymentOutcome outcome, TimeSpan took)
    {
        var tags = new TagList { { "operation", Operations[(int)operation] }, { "outcome", NameOf(outcome) } };
        _outcomes.Add(1, tags);
        _duration.Record(took.TotalSeconds, tags);
    }

    public void Dispose() => _meter.Dispose();

    private static string NameOf(PaymentOutcome outcome) => outcome switch
    {
        PaymentOutcome.Created => "created",
        PaymentOutcome.Pending => "pending",
        PaymentOutcome.Approved => "approved",
        PaymentOutcome.Declined => "declined",
        _ => "unknown",
    };
}
