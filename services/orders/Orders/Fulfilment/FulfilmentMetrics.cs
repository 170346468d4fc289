using System.Diagnostics.Metrics;
using Chassis.Data;
using MassTransit;
using Microsoft.EntityFrameworkCore;

namespace Orders.Fulfilment;

/// <summary>How long orders wait for what: measured when a transition is committed.</summary>
internal sealed class FulfilmentMetrics : IInstruments, IStateObserver<FulfilmentState>, IDisposable
{
    private readonly Meter _meter;
    private readonly Histogram<double> _step;
    private readonly IDisposable _observing;
    private readonly TimeProvider _clock;

    public FulfilmentMetrics(IMeterFactory meters, FulfilmentStateMachine machine, TimeProvider clock)
    {
        _clock = clock;
        _meter = meters.Create("orders");
        _step = _meter.CreateHistogram(
            "shop.orders.step.duration", "s", "Time that a fulfilment spent in a state, when it leaves it.", advice: Buckets.Waits);
        _observing = machine.ConnectStateObserver(this);
    }

    public void StartAtZero()
    {
        // There is nothing to count; it is enough to be there before the first order.
    }

    public Task StateChanged(BehaviorContext<FulfilmentState> context, State currentState, State? previousState)
    {
        // Asking again is the same stay.
        if (previousState is not null
            && context.Saga.Steps.LastOrDefault(s => s.Step == previousState.Name && s.Attempt == 1) is { } step)
        {
            var took = Math.Max(0, (_clock.GetUtcNow() - step.Started).TotalSeconds);
            var state = previousState.Name;
            context.GetServiceOrCreateInstance<DbContext>()
                .OnCommitted(() => _step.Record(took, new KeyValuePair<string, object?>("state", state)));
        }

        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _observing.Dispose();
        _meter.Dispose();
    }
}
