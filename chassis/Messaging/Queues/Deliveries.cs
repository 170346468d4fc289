using System.Collections.Concurrent;
using System.Diagnostics;
using Chassis.Messaging.Model;
using MassTransit;
using MassTransit.Transports;

namespace Chassis.Messaging.Queues;

/// <summary>What this process is working on, and how much it has settled: acknowledged or handed back, so that the broker knew.</summary>
internal sealed class Deliveries(TimeProvider clock) : IReceiveObserver
{
    private readonly ConcurrentDictionary<Delivery, bool> _inFlight = [];
    private readonly ConcurrentDictionary<string, long> _settled = [];

    /// <summary>Zero when nothing is in flight.</summary>
    public TimeSpan OldestAge => _inFlight.Select(d => Age(d.Key)).DefaultIfEmpty().Max();

    /// <summary>Oldest first.</summary>
    public List<Delivery> InFlight(string queue) => [.. _inFlight.Select(d => d.Key).Where(d => d.Queue == queue).OrderBy(d => d.Since)];

    public long Settled(string queue) => _settled.GetValueOrDefault(queue);

    public TimeSpan Age(Delivery delivery) => clock.GetElapsedTime(delivery.Since);

    public Delivery Begin(string queue)
    {
        var delivery = new Delivery(queue, clock.GetTimestamp());
        _inFlight[delivery] = true;
        return delivery;
    }

    public void End(Delivery delivery, bool isSettled)
    {
        _inFlight.TryRemove(delivery, out _);
        if (isSettled)
        {
            _settled.AddOrUpdate(delivery.Queue, 1, static (_, count) => count + 1);
        }
    }

    public Task PreReceive(ReceiveContext context)
    {
        context.GetOrAddPayload(() => Begin(context.InputAddress.GetEndpointName()!));
        return Task.CompletedTask;
    }

    public Task PostReceive(ReceiveContext context) => EndAsync(context, _ => true);

    // An acknowledgement that fails, on a channel that is dead, tells the broker nothing.
    public Task ReceiveFault(ReceiveContext context, Exception exception) => EndAsync(context, delivery => delivery.Stage != Stage.Acknowledgement);

    public Task PostConsume<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType)
        where T : class => Task.CompletedTask;

    public Task ConsumeFault<T>(ConsumeContext<T> context, TimeSpan duration, string consumerType, Exception exception)
        where T : class => Task.CompletedTask;

    private Task EndAsync(ReceiveContext context, Func<Delivery, bool> isSettled)
    {
        if (context.TryGetPayload<Delivery>(out var delivery))
        {
            End(delivery, isSettled(delivery));
        }

        return Task.CompletedTask;
    }
}

/// <summary>Notes which messages are between two tries, and in the trace that a try has failed.</summary>
internal sealed class RetryStages : IRetryObserver
{
    public Task PostFault<T>(RetryContext<T> context)
        where T : class, PipeContext => FailedAsync(context, Stage.Pause);

    public Task PreRetry<T>(RetryContext<T> context)
        where T : class, PipeContext => ReachAsync(context.Context, Stage.Consumer);

    public Task RetryFault<T>(RetryContext<T> context)
        where T : class, PipeContext => FailedAsync(context, Stage.GivenUp);

    public Task PostCreate<T>(RetryPolicyContext<T> context)
        where T : class, PipeContext => Task.CompletedTask;

    public Task RetryComplete<T>(RetryContext<T> context)
        where T : class, PipeContext => Task.CompletedTask;

    private static Task FailedAsync<T>(RetryContext<T> context, Stage stage)
        where T : class, PipeContext
    {
        Activity.Current?.AddEvent(new ActivityEvent("try failed", tags: new() { ["error.type"] = context.Exception.GetType().FullName }));
        return ReachAsync(context.Context, stage);
    }

    private static Task ReachAsync(PipeContext context, Stage stage)
    {
        context.Reach(stage);
        return Task.CompletedTask;
    }
}
