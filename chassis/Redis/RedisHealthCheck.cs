using System.Globalization;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chassis.Redis;

/// <summary>Degraded while Redis is away, and never unready: nothing that a service promises needs it.</summary>
internal sealed class RedisHealthCheck(RedisLink link) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(link.IsUp
            ? HealthCheckResult.Healthy("Connected.")
            : HealthCheckResult.Degraded(string.Create(
                CultureInfo.InvariantCulture,
                $"Away{(link.Since is { } since ? $" since {since:u}" : "")}; limits count in each replica, live views look into the database.")));
}
