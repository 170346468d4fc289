using System.Collections.Concurrent;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Which events the endpoints of this service take. The transport would make the exchanges that it binds to, and nobody may make what is another service's: so
/// they are bound to here (<see cref="TopologyWatch"/>), and one that is not there is waited for.
/// </summary>
internal sealed class Subscriptions(TimeProvider clock) : IHealthCheck
{
    private readonly ConcurrentDictionary<WantedBinding, bool> _wanted = new();
    private readonly ConcurrentDictionary<WantedBinding, bool> _unwanted = new();
    private readonly ConcurrentDictionary<WantedBinding, bool> _ignored = new();
    private readonly long _started = clock.GetTimestamp();

    public IEnumerable<WantedBinding> All => _wanted.Keys;

    /// <summary>What an earlier version was bound to.</summary>
    public IEnumerable<WantedBinding> Unwanted => _unwanted.Keys;

    /// <summary>What counts as taken where nobody takes it: the destination leads nowhere.</summary>
    public IEnumerable<WantedBinding> Ignored => _ignored.Keys;

    public bool IsUnwanted(string type, string queue) => _unwanted.ContainsKey(new WantedBinding(type, queue, string.Empty));

    /// <summary>Whether every one of them was bound when it was looked at last.</summary>
    public bool AreBound => _wanted.Values.All(bound => bound);

    public void Add(WantedBinding binding)
    {
        if (!_unwanted.ContainsKey(binding))
        {
            _wanted.TryAdd(binding, false);
        }
    }

    /// <summary>Something that is bound by now, and is to stay so.</summary>
    public void AddBound(WantedBinding binding) => _wanted[binding] = true;

    public void Remove(WantedBinding binding) => _wanted.TryRemove(binding, out _);

    /// <summary>The endpoint does not ask for the event, whether it understands it when it comes or not.</summary>
    public void Decline(WantedBinding binding)
    {
        _unwanted[binding] = true;
        _wanted.TryRemove(binding, out _);
    }

    public void Ignore(WantedBinding binding) => _ignored[binding] = true;

    public void IgnoreNoLonger(WantedBinding binding) => _ignored.TryRemove(binding, out _);

    public void Note(WantedBinding binding, bool isBound)
    {
        // One that was removed while it was being bound stays removed.
        if (_wanted.TryGetValue(binding, out var before))
        {
            _wanted.TryUpdate(binding, isBound, before);
        }
    }

    /// <summary>
    /// A process that has just started is not ready before it hears everything; one that waits for longer does what can be done without, and says so.
    /// </summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        List<string> missing = [.. _wanted.Where(w => !w.Value).Select(w => $"{w.Key.Destination} to {w.Key.Source}").OrderBy(m => m, StringComparer.Ordinal)];
        if (missing.Count == 0)
        {
            return Task.FromResult(HealthCheckResult.Healthy("Everything is bound."));
        }

        var text = $"Not bound, because an exchange is not there that its owner or the broker's definitions make: {string.Join(", ", missing)}.";
        return Task.FromResult(clock.GetElapsedTime(_started) < BrokerHealthCheck.Patience
            ? HealthCheckResult.Unhealthy(text)
            : HealthCheckResult.Degraded(text));
    }
}
