using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Xunit;

namespace Chassis.Testing;

/// <summary>Waits for what runs in the test's own process.</summary>
public static class Readiness
{
    /// <summary>
    /// Comes back when the host is ready. Before that its exchanges may be missing, and an event would reach nobody because no queue is bound.
    /// </summary>
    public static Task UntilReadyAsync(this IServiceProvider services)
    {
        var health = services.GetRequiredService<HealthCheckService>();
        return Poll.UntilAsync(
            async () => Unready(await health.CheckHealthAsync(check => check.Tags.Contains("ready"), TestContext.Current.CancellationToken)),
            unready => unready.Count == 0,
            "the host to be ready",
            TimeSpan.FromSeconds(60));
    }

    private static List<string> Unready(HealthReport report) =>
        [
            .. report.Entries.Where(e => e.Value.Status != HealthStatus.Healthy).Select(
                e => $"{e.Key} is {e.Value.Status}: {e.Value.Description} {e.Value.Exception?.Message}".TrimEnd()),
        ];
}
