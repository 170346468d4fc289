using System.Text.Json;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Gateway;

/// <summary>
/// How the gateway itself is. It is ready once it has looked at everybody behind it; who of them is not well is told, and makes it no worse: those who call
/// the others come through.
/// </summary>
internal static class Health
{
    public static void Use(IApplicationBuilder app) => app.Run(context => context.Request.Path.Value switch
    {
        "/health/live" => AnswerAsync(context, healthy: true, []),
        "/health/ready" => AnswerAsync(context, IsReady(context.RequestServices), Services(context.RequestServices)),
        _ => Problem.WriteAsync(context, Problem.NotFound),
    });

    private static bool IsReady(IServiceProvider services) =>
        services.GetRequiredService<IActiveHealthCheckMonitor>().InitialProbeCompleted
        && !services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested;

    private static Dictionary<string, object> Services(IServiceProvider services) => services.GetRequiredService<IProxyStateLookup>().GetClusters()
        .Where(c => !c.Destinations.IsEmpty)
        .ToDictionary(c => c.ClusterId, c => (object)new { replicas = c.Destinations.Count, well = c.Destinations.Values.Count(IsWell) });

    private static bool IsWell(DestinationState replica) =>
        replica.Health is { Active: not DestinationHealth.Unhealthy, Passive: not DestinationHealth.Unhealthy };

    private static Task AnswerAsync(HttpContext context, bool healthy, Dictionary<string, object> services)
    {
        context.Response.StatusCode = healthy ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        if (!healthy)
        {
            context.Response.Headers.RetryAfter = "1";
        }

        return context.Response.WriteAsync(JsonSerializer.Serialize(new { status = healthy ? "healthy" : "unhealthy", services }));
    }
}
