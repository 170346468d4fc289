using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>A core event on its way through the unit of work.</summary>
/// <param name="Data">The event.</param>
/// <param name="Stored">As it stands in the store.</param>
public sealed record CoreEvent<TEvent>(TEvent Data, StoredEvent Stored)
    where TEvent : class;

/// <summary>
/// Reacts to a core event (or to every event of a base type) inside the unit of work that raised it. Touches only tables of its own service;
/// whatever has an effect elsewhere is a consumer on a queue. When it fails, the whole unit is rolled back.
/// </summary>
public interface ICoreEventHandler<TEvent>
    where TEvent : class
{
    Task Handle(CoreEvent<TEvent> coreEvent, CancellationToken ct);
}

/// <summary>What a handler has done since the process started.</summary>
public sealed record CoreEventHandlerHealth(string Name, long Handled, long Failed, DateTimeOffset? LastHandledAt, string? LastError);

/// <summary>Hands core events to their handlers: in process, in the unit of work, in the order of subscription, one after the other.</summary>
public sealed class CoreEventBus
{
    private readonly TimeProvider _clock;
    private readonly IReadOnlyList<Projection> _consistent;
    private ImmutableList<Subscription> _subscriptions;

    public CoreEventBus(IEnumerable<CoreEventRegistration> registrations, IEnumerable<Projection> projections, TimeProvider clock)
    {
        this._clock = clock;
        _consistent = [.. projections.Where(p => p.Mode == ProjectionMode.Consistent)];
        _subscriptions = [.. registrations.Select(r => new Subscription(r.Name, r.EventType, r.Handle))];
    }

    /// <summary>How the handlers are doing, in the order in which they are called.</summary>
    public IReadOnlyList<CoreEventHandlerHealth> Health => [.. _subscriptions.Select(s => s.Health)];

    /// <summary>Adds a handler while the service runs, behind those that are there.</summary>
    /// <returns>Takes the handler away again when disposed; dispatches under way still call it.</returns>
    public IDisposable Subscribe<TEvent>(string name, Func<CoreEvent<TEvent>, CancellationToken, Task> handler)
        where TEvent : class
    {
        var subscription = new Subscription(
            name, typeof(TEvent), (_, stored, cancellationToken) => handler(new CoreEvent<TEvent>((TEvent)stored.Data, stored), cancellationToken));
        ImmutableInterlocked.Update(ref _subscriptions, list => list.Add(subscription));
        return new Unsubscribe(this, subscription);
    }

    internal async Task DispatchAsync(IServiceProvider scope, NpgsqlConnection connection, IReadOnlyList<StoredEvent> events, CancellationToken ct)
    {
        foreach (var projection in _consistent)
        {
            await projection.ApplyAsync(events, new ProjectionTarget(connection, Shadow: false), ct);
        }

        var current = _subscriptions;
        foreach (var stored in events)
        {
            foreach (var subscription in current)
            {
                if (subscription.EventType.IsInstanceOfType(stored.Data))
                {
                    await subscription.InvokeAsync(scope, stored, _clock, ct);
                }
            }
        }
    }

    private sealed class Unsubscribe(CoreEventBus bus, Subscription subscription) : IDisposable
    {
        public void Dispose() => ImmutableInterlocked.Update(ref bus._subscriptions, list => list.Remove(subscription));
    }

    private sealed class Subscription(string name, Type eventType, Func<IServiceProvider, StoredEvent, CancellationToken, Task> handle)
    {
        private readonly Lock _gate = new();
        private CoreEventHandlerHealth _health = new(name, 0, 0, null, null);

        public Type EventType => eventType;

        public CoreEventHandlerHealth Health
        {
            get
            {
                lock (_gate)
                {
                    return _health;
                }
            }
        }

        public async Task InvokeAsync(IServiceProvider scope, StoredEvent stored, TimeProvider clock, CancellationToken ct)
        {
            try
            {
                await handle(scope, stored, ct);
            }
            catch (Exception e)
            {
                Note(h => h with { Failed = h.Failed + 1, LastError = e.GetType().Name });
                throw;
            }

            Note(h => h with { Handled = h.Handled + 1, LastHandledAt = clock.GetUtcNow(), LastError = null });
        }

        private void Note(Func<CoreEventHandlerHealth, CoreEventHandlerHealth> change)
        {
            lock (_gate)
            {
                _health = change(_health);
            }
        }
    }
}

/// <summary>A handler that is there from the start; made by <c>AddCoreEventHandler</c>.</summary>
public sealed record CoreEventRegistration(string Name, Type EventType, Func<IServiceProvider, StoredEvent, CancellationToken, Task> Handle)
{
    internal static CoreEventRegistration Of<TEvent, THandler>()
        where TEvent : class
        where THandler : class, ICoreEventHandler<TEvent> => new(
            typeof(THandler).Name,
            typeof(TEvent),
            (scope, stored, cancellationToken) =>
                scope.GetRequiredService<THandler>().Handle(new CoreEvent<TEvent>((TEvent)stored.Data, stored), cancellationToken));
}
