using System.Collections.Immutable;

namespace Chassis;

/// <summary>What the adapters of <see cref="IEventBus"/> have in common: who has subscribed, and the count of what went by.</summary>
public abstract class EventBus : IEventBus
{
    private ImmutableList<Subscription> _subscriptions = [];
    private long _published;
    private long _received;
    private long _lost;
    private long _failed;
    private volatile string? _lastError;

    public abstract bool IsShared { get; }

    public EventBusHealth Health
    {
        get
        {
            var trouble = Trouble;
            return new(
                trouble is null, Interlocked.Read(ref _published), Interlocked.Read(ref _received), Interlocked.Read(ref _lost), Interlocked.Read(ref _failed),
                trouble ?? _lastError);
        }
    }

    /// <summary>What keeps the bus from being up; null when nothing does.</summary>
    protected abstract string? Trouble { get; }

    /// <summary>What somebody has subscribed to.</summary>
    protected IReadOnlyCollection<string> Topics => [.. _subscriptions.Select(s => s.Topic).Distinct()];

    public abstract Task StartAsync(CancellationToken ct);

    public abstract Task StopAsync(CancellationToken ct);

    public void Publish(string topic, ReadOnlyMemory<byte> body)
    {
        if (TrySend(topic, body))
        {
            Interlocked.Increment(ref _published);
        }
        else
        {
            NoteLost();
        }
    }

    public IDisposable Subscribe(string topic, Action<ReadOnlyMemory<byte>> handler)
    {
        var subscription = new Subscription(this, topic, handler);
        ImmutableInterlocked.Update(ref _subscriptions, list => list.Add(subscription));
        OnTopicsChanged();
        return subscription;
    }

    /// <returns>False when there is no way to the others.</returns>
    protected abstract bool TrySend(string topic, ReadOnlyMemory<byte> body);

    /// <summary>Somebody has subscribed or unsubscribed.</summary>
    protected virtual void OnTopicsChanged()
    {
    }

    /// <summary>Counts an event that was handed over and did not leave.</summary>
    protected void NoteLost() => Interlocked.Increment(ref _lost);

    /// <summary>Calls whoever has subscribed. The adapter calls it for one event after the other.</summary>
    protected void Deliver(string topic, ReadOnlyMemory<byte> body)
    {
        Interlocked.Increment(ref _received);
        foreach (var subscription in _subscriptions)
        {
            if (subscription.Topic == topic)
            {
                Call(subscription, body);
            }
        }
    }

    private void Call(Subscription subscription, ReadOnlyMemory<byte> body)
    {
        try
        {
            subscription.Handler(body);
        }
#pragma warning disable CA1031 // Of several who listen one that fails keeps nothing from the others, nor ends the bus.
        catch (Exception e)
#pragma warning restore CA1031
        {
            Interlocked.Increment(ref _failed);
            _lastError = e.GetType().Name;
        }
    }

    private sealed class Subscription(EventBus bus, string topic, Action<ReadOnlyMemory<byte>> handler) : IDisposable
    {
        public string Topic => topic;

        public Action<ReadOnlyMemory<byte>> Handler => handler;

        public void Dispose()
        {
            ImmutableInterlocked.Update(ref bus._subscriptions, list => list.Remove(this));
            bus.OnTopicsChanged();
        }
    }
}
