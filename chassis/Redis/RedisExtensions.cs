using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace Chassis.Redis;

public static class RedisExtensions
{
    /// <summary>
    /// Registers what replicas share through Redis, where <c>Redis:Connection</c> is set: counts, and the event bus. Without it nothing but the settings is
    /// registered, and nothing is asked for.
    /// </summary>
    public static IHostApplicationBuilder AddRedis(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSettings<RedisSettings>(RedisSettings.Section);
        if (string.IsNullOrEmpty(builder.Configuration[$"{RedisSettings.Section}:{nameof(RedisSettings.Connection)}"]))
        {
            return builder;
        }

        services.AddMetrics();
        services.AddSingleton<RedisLink>();
        services.AddHostedService(provider => provider.GetRequiredService<RedisLink>());
        services.AddSingleton<SharedCounts>();
        services.AddSingleton<IEventBus, RedisEventBus>();
        services.AddHealthChecks().AddCheck<RedisHealthCheck>("redis", HealthStatus.Degraded);
        return builder;
    }
}
