using Microsoft.Extensions.Options;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Gateway;

/// <summary>Puts a replica out of the way as soon as a request does not reach it, or loses it; long before a probe would say so.</summary>
internal sealed class FirstFailure(IDestinationHealthUpdater health, IOptions<GatewayOptions> options) : IPassiveHealthCheckPolicy
{
    public const string PolicyName = "FirstFailure";

    public string Name => PolicyName;

    public void RequestProxied(HttpContext context, ClusterState cluster, DestinationState destination)
    {
        if (context.GetForwarderErrorFeature()?.Exception is { } exception && Failure.IsOfReplica(exception))
        {
            health.SetPassive(cluster, destination, DestinationHealth.Unhealthy, options.Value.Rest);
        }
    }
}
