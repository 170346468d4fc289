using Chassis.Messaging.Relay;
using MassTransit;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chassis.Messaging.Queues;

/// <summary>
/// Degraded while the broker is away: what the service promises to accept, it accepts, and what it commits waits in the outbox. Only a process that has just
/// started is not ready for want of a broker, so that in the usual case "ready" means that its queues are there and read.
/// </summary>
internal sealed class BrokerHealthCheck(OutboxRelay relay, IBusControl bus, TimeProvider clock) : IHealthCheck
{
    /// <summary>How long a new process is not ready without a broker; then it takes traffic all the same.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly long _started = clock.GetTimestamp();
    private bool _wasConnected;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (relay.IsConnected && bus.CheckHealth().Status == BusHealthStatus.Healthy)
        {
            _wasConnected = true;
            return Task.FromResult(HealthCheckResult.Healthy("Connected."));
        }

        var state = relay.IsConnected ? "Connected, but not every queue is read."
            : relay.IsRefused ? "The broker refuses the name or the password of this service" : "Not connected";
        return Task.FromResult(_wasConnected || clock.GetElapsedTime(_started) >= Patience
            ? HealthCheckResult.Degraded(relay.IsConnected ? state : $"{state}; messages wait in the outbox.")
            : HealthCheckResult.Unhealthy(relay.IsRefused ? $"{state}." : "Not connected yet."));
    }
}
