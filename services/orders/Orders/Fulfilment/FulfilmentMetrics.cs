using System.Diagnostics.Metrics;
using Chassis.Data;
using MassTransit;
using Microsoft.EntityFrameworkCore;

namespace Orders.Fulfilment;

/// <summary>How long orders wait for what: measured when a transition is committed.</summary>
internal sealed class FulfilmentMetrics : IInstruments, IDisposable
{
    private readonly Meter _meter;
    private readonly Histogram<double> _step;
    private readonly FulfilmentStateMachine _machine;
    private readonly TimeProvider _clock;

    public FulfilmentMetrics(IMeterFactory meters, FulfilmentStateMachine machine, TimeProvider clock)
    {
        (_machine, _clock) = (machine, clock);
        _meter = meters.Create("orders");
        _step = _meter.CreateHistogram(
            "shop.orders.step.duration", "s", "Time that a fulfilment spent in a state, when it leaves it.", advice: Buckets.Waits);
        machine.Leaving += Measure;
    }

    public void StartAtZero()
    {
        // There is nothing to count; it is enough to be there before the first order.
    }

    public void Dispose()
    {
        _machine.Leaving -= Measure;
        _meter.Dispose();
    }

    private void Measure(BehaviorContext<FulfilmentState> context)
    {
        // Asking again is the same stay.
        var state = context.Saga.CurrentState;
        if (context.Saga.Steps.LastOrDefault(s => s.Step == state && s.Attempt == 1) is { } step)
        {
            var took = Math.Max(0, (_clock.GetUtcNow() - step.Started).TotalSeconds);
            context.GetServiceOrCreateInstance<DbContext>().OnCommitted(() => _step.Record(took, new KeyValuePair<string, object?>("state", state)));
        }
    }
}
