using Chassis.Data;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Chassis.EventSourcing;

/// <summary>Collects the events that a service stores.</summary>
public sealed class EventTypeMapBuilder
{
    private readonly List<EventType> _types = [];

    /// <summary>Gives a record its name in the store.</summary>
    /// <param name="name">Fixed for ever.</param>
    /// <param name="version">Version that is written now; each older one needs an upcaster.</param>
    public EventType Add<TEvent>(string name, int version = 1)
        where TEvent : class
    {
        var type = new EventType(typeof(TEvent), name, version);
        _types.Add(type);
        return type;
    }

    internal EventTypeMap Build() => new(_types);
}

public static class EventSourcingExtensions
{
    /// <summary>
    /// Adds the event store on the service's scoped <c>DbContext</c>, the core event bus and the projections' daemon. The service needs a master secret
    /// (<see cref="SealingSettings"/>).
    /// </summary>
    public static IServiceCollection AddEventSourcing(this IServiceCollection services, Action<EventTypeMapBuilder> configure)
    {
        var builder = new EventTypeMapBuilder();
        configure(builder);
        services.AddSingleton(builder.Build());
        services.AddSingleton<EventSerializer>();
        services.AddSealing(SealingSettings.Section, PersonalDataKeys.Column);
        services.AddSingleton<PersonalDataKeys>();
        services.AddSingleton<CoreEventBus>();
        services.AddScoped<EventStore>();
        services.AddMetrics();
        services.AddSingleton<ProjectionMetrics>();
        services.AddSingleton<IProjectionFigures, ProjectionFigures>();
        services.AddSingleton<ProjectionRebuilder>();
        services.AddSingleton<ProjectionDaemon>();
        services.AddHostedService(provider => provider.GetRequiredService<ProjectionDaemon>());
        services.AddEventBus();
        services.AddSingleton<StreamWatcher>();
        services.AddHostedService(provider => provider.GetRequiredService<StreamWatcher>());
        services.AddHealthChecks().AddCheck<CoreEventHealthCheck>("core-events", HealthStatus.Degraded);
        return services;
    }

    /// <summary>Adds a handler of core events; handlers are called in the order in which they are added.</summary>
    /// <typeparam name="TEvent">The event, or a base type to get all of them.</typeparam>
    /// <typeparam name="THandler">Scoped.</typeparam>
    public static IServiceCollection AddCoreEventHandler<TEvent, THandler>(this IServiceCollection services)
        where TEvent : class
        where THandler : class, ICoreEventHandler<TEvent>
    {
        services.TryAddScoped<THandler>();
        services.AddSingleton(CoreEventRegistration.Of<TEvent, THandler>());
        return services;
    }

    public static IServiceCollection AddProjection<TProjection>(this IServiceCollection services)
        where TProjection : Projection => services.AddSingleton<Projection, TProjection>();
}

internal sealed class ProjectionFigures(NpgsqlDataSource database, IEnumerable<Projection> projections) : IProjectionFigures
{
    public async Task<IReadOnlyList<FiguresOfProjection>> ReadAsync(CancellationToken ct) =>
    [
        .. (await ProjectionStore.StatusAsync(database, projections, ct)).Select(
            p => new FiguresOfProjection(p.Name, p.Position, p.Head, p.Lag, p.LagSeconds, p.Error, p.Rebuild?.Percent)),
    ];
}

/// <summary>Degraded while the last call of some core event handler failed.</summary>
internal sealed class CoreEventHealthCheck(CoreEventBus bus) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var failing = bus.Health.Where(h => h.LastError is not null).Select(h => $"{h.Name} ({h.LastError})").ToArray();
        return Task.FromResult(failing.Length == 0
            ? HealthCheckResult.Healthy($"{bus.Health.Count} handlers.")
            : HealthCheckResult.Degraded($"Failing: {string.Join(", ", failing)}."));
    }
}
