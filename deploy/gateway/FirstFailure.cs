using Microsoft.Extensions.Options;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Gateway;

/// <summary>Puts a replica out of the way as soon as a request does not reach it, or loses it; long before a probe would say so.</summary>
internal sealed class FirstFailure(IDestinationHealthUpdater health, IServiceProvider services, IOptions<GatewayOptions> options) : IPassiveHealthCheckPolicy
{
    public const string PolicyName = "FirstFailure";

    public string Name => PolicyName;

    /// <param name="cluster">That of the route, whose requests all go elsewhere: the one that the replica belongs to stands in the context.</param>
    /// <inheritdoc/>
    public void RequestProxied(HttpContext context, ClusterState cluster, DestinationState destination)
    {
        if (context.GetForwarderErrorFeature()?.Exception is { } exception
            && Failure.IsOfReplica(exception)
            && services.GetRequiredService<IProxyStateLookup>().TryGetCluster(context.GetReverseProxyFeature().Cluster.Config.ClusterId, out var its))
        {
            health.SetPassive(its, destination, DestinationHealth.Unhealthy, options.Value.Rest);
        }
    }
}
