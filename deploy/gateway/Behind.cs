using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;

namespace Gateway;

/// <summary>The settings in YARP's words.</summary>
internal static class Behind
{
    /// <summary>A route must name somebody; whom a request is for is said by the port at which it comes.</summary>
    private const string Nobody = "nobody";

    // A stream that says nothing is none of those that are served here: they all say something every few seconds.
    private static readonly TimeSpan LongestSilence = TimeSpan.FromDays(1);

    public static IReadOnlyList<RouteConfig> Routes { get; } = [new() { RouteId = "all", ClusterId = Nobody, Match = new() { Path = "{**path}" } }];

    public static IReadOnlyList<ClusterConfig> Clusters(GatewayOptions options) =>
        [new() { ClusterId = Nobody }, .. options.Services.Select(s => Cluster(s.Key, s.Value, options))];

    private static ClusterConfig Cluster(string name, ServiceOptions service, GatewayOptions options) => new()
    {
        ClusterId = name,
        LoadBalancingPolicy = LoadBalancingPolicies.PowerOfTwoChoices,
        Destinations = service.Addresses.ToDictionary(a => a.Authority, a => new DestinationConfig { Address = a.AbsoluteUri }),
        HttpRequest = new ForwarderRequestConfig
        {
            // One request at a time on a connection: how it ended says whether the request can have had an effect.
            Version = new Version(1, 1),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            ActivityTimeout = LongestSilence,
        },
        HealthCheck = new HealthCheckConfig
        {
            // A replica is unready while a server is away that all of them share, and still does much. Where nobody is ready everybody is asked.
            AvailableDestinationsPolicy = HealthCheckConstants.AvailableDestinations.HealthyOrPanic,
            Active = new ActiveHealthCheckConfig
            {
                Enabled = true,
                Path = "/health/ready",
                Interval = options.ProbeInterval,
                Timeout = options.ProbeTimeout,
                Policy = HealthCheckConstants.ActivePolicy.ConsecutiveFailures,
            },
            Passive = new PassiveHealthCheckConfig { Enabled = true, Policy = FirstFailure.PolicyName, ReactivationPeriod = options.Rest },
        },
    };
}
