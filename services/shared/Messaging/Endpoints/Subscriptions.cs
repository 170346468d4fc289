using System.Collections.Concurrent;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chassis.Messaging.Endpoints;

/// <summary>
/// Which events the endpoints of this service take. The transport would make the exchanges that it binds to, and nobody may make what is another service's: so they are bound to
/// here (<see cref="TopologyWatch"/>), and one that is not there is waited for.
/// </summary>
internal sealed class Subscriptions(TimeProvider clock) : IHealthCheck
{
    private readonly ConcurrentDictionary<WantedBinding, bool> _wanted = new();
    private readonly long _started = clock.GetTimestamp();

    public IEnumerable<WantedBinding> All => _wanted.Keys;

    /// <summary>Whether every one of them was bound when it was looked at last.</summary>
    public bool AreBound => _wanted.Values.All(bound => bound);

    public void Add(WantedBinding binding) => _wanted.TryAdd(binding, false);

    public void Note(WantedBinding binding, bool isBound) => _wanted[binding] = isBound;

    /// <summary>A process that has just started is not ready before it hears everything; one that waits for longer does what can be done without, and says so.</summary>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        List<string> missing = [.. _wanted.Where(w => !w.Value).Select(w => $"{w.Key.Destination} to {w.Key.Source}").OrderBy(m => m, StringComparer.Ordinal)];
        if (missing.Count == 0)
        {
            return Task.FromResult(HealthCheckResult.Healthy("Everything is bound."));
        }

        var text = $"Not bound, because an exchange is not there that its owner or the broker's definitions make: {string.Join(", ", missing)}.";
        return Task.FromResult(clock.GetElapsedTime(_started) < BrokerHealthCheck.Patience ? HealthCheckResult.Unhealthy(text) : HealthCheckResult.Degraded(text));
    }
}
