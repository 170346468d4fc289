using Microsoft.Extensions.DependencyInjection;

namespace Chassis.Data;

/// <summary>Registers sealing.</summary>
public static class SealingExtensions
{
    /// <summary>Gives the service its <see cref="Envelope"/>; it does not start without a master secret.</summary>
    /// <param name="services">The service.</param>
    /// <param name="section">Where the settings are.</param>
    /// <param name="columns">Where it keeps boxes, so that they can be sealed anew.</param>
    public static void AddSealing(this IServiceCollection services, string section = SealingSettings.Section, params IEnumerable<SealedColumn> columns)
    {
        services.AddSettings<SealingSettings>(section);
        services.AddSingleton<Envelope>();
        foreach (var column in columns)
        {
            services.AddSingleton(column);
        }

        services.AddHostedService<SealingSweep>();
    }
}
