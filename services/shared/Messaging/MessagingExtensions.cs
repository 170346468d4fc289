using MassTransit;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Hosting;

namespace Chassis.Messaging;

/// <summary>Registers messaging for a service: the bus, the outbox and inbox, the relay, the scheduler and the dead letters.</summary>
public static class MessagingExtensions
{
    /// <summary>Adds the bus with the endpoint policy of the system; consumers and sagas are added with MassTransit's own methods.</summary>
    /// <param name="builder">The service, after <c>AddServiceDefaults</c>.</param>
    /// <param name="configure">Consumers, sagas and their endpoints.</param>
    public static IHostApplicationBuilder AddMessaging<TDbContext>(this IHostApplicationBuilder builder, Action<IBusRegistrationConfigurator>? configure = null)
        where TDbContext : DbContext
    {
        builder.Services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            configure?.Invoke(bus);
            bus.UsingInMemory((context, cfg) => cfg.ConfigureEndpoints(context));
        });
        return builder;
    }

    /// <summary>The operators' resources: <c>/v1/ops/dead-letters</c>, <c>/v1/ops/outbox</c>, <c>/v1/ops/boundary-events</c>.</summary>
    public static IEndpointRouteBuilder MapMessagingOps(this IEndpointRouteBuilder app) => app.MapAsyncApi();

    /// <summary>Creates schema <c>messaging</c>: outbox, inbox, boundary-event archive and dead letters.</summary>
    public static void CreateMessagingTables(this MigrationBuilder migration) => migration.EnsureSchema("messaging");
}
