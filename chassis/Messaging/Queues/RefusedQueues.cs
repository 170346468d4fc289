using System.Collections.Concurrent;
using MassTransit;
using MassTransit.Transports;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using RabbitMQ.Client.Exceptions;

namespace Chassis.Messaging.Queues;

/// <summary>
/// What the broker has against queues of this service, in its own words. The transport tries again for ever and says no more than that it is not ready; the
/// usual reason is a queue that an earlier version has declared with other arguments (docs/how-to/upgrade.md).
/// </summary>
internal sealed class RefusedQueues : IReceiveEndpointObserver, IHealthCheck
{
    private readonly ConcurrentDictionary<string, string> _reasons = new();

    public IEnumerable<string> Names => _reasons.Keys;

    /// <summary>A queue could not be declared or read. Only an answer of the broker is a refusal; that it cannot be reached, others say.</summary>
    public void Add(string queue, Exception? exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is OperationInterruptedException { ShutdownReason: { ReplyCode: 403 or 405 or 406 } reason })
            {
                _reasons[queue] = reason.ReplyText;
                return;
            }
        }
    }

    public void Add(string queue, string reason) => _reasons[queue] = reason;

    public void Remove(string queue) => _reasons.TryRemove(queue, out _);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_reasons.IsEmpty
            ? HealthCheckResult.Healthy("None is refused.")
            : HealthCheckResult.Unhealthy(string.Join("; ", _reasons.Values.OrderBy(reason => reason, StringComparer.Ordinal))));

    Task IReceiveEndpointObserver.Faulted(ReceiveEndpointFaulted faulted)
    {
        Add(NameOf(faulted.InputAddress), faulted.Exception);
        return Task.CompletedTask;
    }

    Task IReceiveEndpointObserver.Ready(ReceiveEndpointReady ready)
    {
        Remove(NameOf(ready.InputAddress));
        return Task.CompletedTask;
    }

    Task IReceiveEndpointObserver.Stopping(ReceiveEndpointStopping stopping) => Task.CompletedTask;

    Task IReceiveEndpointObserver.Completed(ReceiveEndpointCompleted completed) => Task.CompletedTask;

    private static string NameOf(Uri address) => address.GetEndpointName() ?? address.AbsoluteUri;
}
