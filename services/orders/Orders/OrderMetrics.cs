using System.Diagnostics;
using System.Diagnostics.Metrics;
using Chassis.Data;
using Orders.Domain;

namespace Orders;

/// <summary>What becomes of orders. Counted when it is committed; a draft is no order yet.</summary>
public sealed class OrderMetrics : IInstruments, IDisposable
{
    /// <summary>The objective <c>orders-ended</c> of docs/operate/alerts.md.</summary>
    private static readonly TimeSpan InTime = TimeSpan.FromSeconds(30);
    private static readonly string[] Failures = ["out_of_stock", "payment_declined", "timed_out"];
    private static readonly string[] OfCustomer = ["user_deactivated", "user_erased"];
    private static readonly string[] Cancellations = ["requested", .. OfCustomer];

    private readonly Meter _meter;
    private readonly BoundedLabel _tenants;
    private readonly Counter<long> _submitted;
    private readonly Counter<long> _completed;
    private readonly Counter<long> _failed;
    private readonly Counter<long> _cancelled;
    private readonly Counter<long> _inTime;
    private readonly Histogram<double> _duration;

    public OrderMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("orders");
        _submitted = _meter.CreateCounter<long>("shop.orders.submitted", "{order}", "Orders that were placed.");
        _completed = _meter.CreateCounter<long>("shop.orders.completed", "{order}", "Orders that were shipped and paid.");
        _failed = _meter.CreateCounter<long>("shop.orders.failed", "{order}", "Orders that could not be fulfilled.");
        _cancelled = _meter.CreateCounter<long>("shop.orders.cancelled", "{order}", "Placed orders that somebody cancelled.");
        _inTime = _meter.CreateCounter<long>("shop.orders.in_time", "{order}", "Orders that ended within 30 s of being placed, as promised.");
        _duration = _meter.CreateHistogram("shop.orders.duration", "s", "Time from the placing of an order to its end.", advice: Buckets.Waits);
        _tenants = new BoundedLabel(met: StartAtZero);
    }

    public void StartAtZero()
    {
        _inTime.Add(0);
        _tenants.Of(null);
    }

    /// <param name="happened">What was committed together.</param>
    /// <param name="order">The order afterwards.</param>
    public void Happened(IReadOnlyList<OrderEvent> happened, VersionedOrder order)
    {
        var tenant = _tenants.Of(order.TenantId);
        foreach (var one in happened)
        {
            switch (one)
            {
                case OrderSubmitted:
                    _submitted.Add(1, new KeyValuePair<string, object?>("tenant", tenant));
                    break;
                case OrderCompleted:
                    _completed.Add(1, new KeyValuePair<string, object?>("tenant", tenant));
                    Ended("completed", one, order);
                    break;
                case OrderFailed failed:
                    _failed.Add(1, new TagList { { "reason", ReasonOf(failed) }, { "tenant", tenant } });
                    Ended("failed", one, order);
                    break;
                case OrderCancelled cancelled when order.State.SubmittedAt is not null:
                    _cancelled.Add(1, new TagList { { "reason", ReasonOf(cancelled) }, { "tenant", tenant } });
                    Ended("cancelled", one, order);
                    break;
            }
        }
    }

    public void Dispose() => _meter.Dispose();

    private void Ended(string outcome, OrderEvent end, VersionedOrder order)
    {
        var after = end.At - order.State.SubmittedAt!.Value;
        _duration.Record(Math.Max(0, after.TotalSeconds), new KeyValuePair<string, object?>("outcome", outcome));
        if (after <= InTime)
        {
            _inTime.Add(1);
        }
    }

    private void StartAtZero(string tenant)
    {
        _submitted.Add(0, new KeyValuePair<string, object?>("tenant", tenant));
        _completed.Add(0, new KeyValuePair<string, object?>("tenant", tenant));
        foreach (var reason in Failures)
        {
            _failed.Add(0, new TagList { { "reason", reason }, { "tenant", tenant } });
        }

        foreach (var reason in Cancellations)
        {
            _cancelled.Add(0, new TagList { { "reason", reason }, { "tenant", tenant } });
        }
    }

    // "out_of_stock: LAMP": the word before the colon is one of few, the rest is for the customer.
    private static string ReasonOf(OrderFailed failed) =>
        Array.Find(Failures, word => failed.Reason.StartsWith(word, StringComparison.Ordinal)) ?? BoundedLabel.Other;

    // Whatever somebody typed is one reason: that they wanted it.
    private static string ReasonOf(OrderCancelled cancelled) =>
        Array.Find(OfCustomer, word => word == cancelled.Reason) ?? (cancelled.Reason is null or OrderState.ErasedReason ? "user_erased" : "requested");
}
