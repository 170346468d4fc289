using System.Diagnostics.Metrics;
using Chassis.EventSourcing;

namespace Orders;

/// <summary>What the business does, as counters.</summary>
public sealed class OrderMetrics : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _events;

    public OrderMetrics(IMeterFactory meters)
    {
        _meter = meters.Create("orders");
        _events = _meter.CreateCounter<long>(
            "orders.events", "{event}", "What happened to orders, by event type: order.submitted, order.completed, order.failed …");
    }

    public void Happened(IReadOnlyList<StoredEvent> stored)
    {
        foreach (var type in stored)
        {
            _events.Add(1, new KeyValuePair<string, object?>("event.type", type.EventType));
        }
    }

    public void Dispose() => _meter.Dispose();
}
