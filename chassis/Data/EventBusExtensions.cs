using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Chassis.Data;

public static class EventBusExtensions
{
    /// <summary>Starts the service's event bus with the service: the one that is registered, else one within the process.</summary>
    public static IServiceCollection AddEventBus(this IServiceCollection services)
    {
        services.TryAddSingleton<IEventBus, InMemoryEventBus>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IHostedService, Runner>());
        return services;
    }

    private sealed class Runner(IEventBus bus) : IHostedService
    {
        public Task StartAsync(CancellationToken cancellationToken) => bus.StartAsync(cancellationToken);

        public Task StopAsync(CancellationToken cancellationToken) => bus.StopAsync(cancellationToken);
    }
}
