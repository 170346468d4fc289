using Chassis.Data;
using Chassis.Messaging.Consuming;
using Chassis.Messaging.DeadLetters;
using Chassis.Messaging.Erasure;
using Chassis.Messaging.Queues;
using Chassis.Messaging.Relay;
using Chassis.Messaging.Storage;
using Chassis.Messaging.UnitOfWork;
using Chassis.Messaging.Wire;
using Contracts.Events;
using MassTransit;
using MassTransit.DependencyInjection;
using MassTransit.Scheduling;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Chassis.Messaging;

/// <summary>Registers messaging for a service: the bus, the outbox and inbox, the relay, the scheduler and the dead letters.</summary>
public static class MessagingExtensions
{
    /// <summary>Adds the bus with the endpoint policy of the system; consumers and sagas are added with MassTransit's own methods.</summary>
    /// <param name="builder">The service, after <c>AddServiceDefaults</c> and <c>AddDatabase</c>.</param>
    /// <param name="catalogue">The events and commands of the system that the service is part of.</param>
    /// <param name="configure">Consumers, sagas and their endpoints.</param>
    public static IHostApplicationBuilder AddMessaging<TDbContext>(
        this IHostApplicationBuilder builder, EventCatalogue catalogue, Action<IBusRegistrationConfigurator>? configure = null)
        where TDbContext : DbContext
    {
        var services = builder.Services;
        services.AddSettings<MessagingOptions>(MessagingOptions.Section).Configure<IConfiguration>((options, configuration) =>
        {
            if (configuration["RabbitMq:Uri"] is { Length: > 0 } uri)
            {
                options.Broker = BrokerUri(uri, configuration["RabbitMq:Username"], configuration["RabbitMq:Password"]);
            }

            options.Hosts = configuration["RabbitMq:Hosts"] ?? options.Hosts;
        });
        services.AddSingleton(catalogue);
        services.AddMetrics();
        services.AddInstruments<MessagingMetrics>();
        services.AddSingleton<Deliveries>();
        services.AddSingleton<EntityNames>();
        services.AddSingleton<Accounts>();
        services.AddSingleton<SenderFilter>();
        services.AddSingleton<MessageFormatter>();
        services.AddSingleton<OutboxStore>();
        services.AddSingleton<OutboxQueries>();
        services.AddSingleton<ICommandTimers>(provider => provider.GetRequiredService<OutboxQueries>());
        services.AddSingleton<BrokerConnection>();
        if (builder.Configuration.GetValue<bool>($"{MessagingOptions.Section}:{nameof(MessagingOptions.EventBus)}"))
        {
            services.TryAddSingleton<IEventBus, BrokerEventBus>();
        }

        services.AddSingleton<VanishedExchanges>();
        services.AddSingleton<DeadLetterStore>();
        services.AddSingleton<InboxConsumers>();
        services.AddSingleton<DeadLetterQueries>();
        services.AddSingleton<DeadLetterActs>();
        services.AddSingleton<Retries>();
        services.AddSingleton<DeadLetterFigures>();
        services.AddSingleton<RefusedQueues>();
        services.AddSingleton<Subscriptions>();
        services.AddSingleton<IChangingSubscriptions, ChangingSubscriptions>();
        services.AddSingleton<Lanes>();
        services.AddSingleton<LaneTopology>();
        services.AddSingleton<LaneChannels>();
        services.AddSingleton<FirstDeclaration>();
        services.AddSingleton<LocalEndpoints>();
        services.AddSingleton<ILocalEndpoints>(provider => provider.GetRequiredService<LocalEndpoints>());
        services.AddSingleton<LocalDelivery>();
        services.AddSingleton<FailedMessageFilter>();
        services.AddSingleton<SkippedMessageFilter>();

        // Registered before the bus, so that it stops after it: what the last consumers commit still leaves.
        services.AddSingleton<OutboxRelay>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxRelay>());
        services.AddSingleton<OutboxGauges>();
        services.AddHostedService(provider => provider.GetRequiredService<OutboxGauges>());
        services.AddHostedService<DeadLetterCollector>();
        services.AddSingleton<RetryRunner>();
        services.AddHostedService(provider => provider.GetRequiredService<RetryRunner>());
        services.AddSingleton<InboxCleanup>();
        services.AddHostedService(provider => provider.GetRequiredService<InboxCleanup>());
        services.AddSingleton<Retention>();
        services.AddHostedService(provider => provider.GetRequiredService<Retention>());
        services.AddSingleton<LateTraces>();
        services.AddHostedService(provider => provider.GetRequiredService<LateTraces>());
        services.AddHostedService<ServiceAnnouncements<TDbContext>>();
        services.AddSingleton<IInterceptor, OutboxInterceptor>();
        services.AddSingleton<BrokerHealthCheck>();
        services.AddHealthChecks()
            .Add(new HealthCheckRegistration("broker", provider => provider.GetRequiredService<BrokerHealthCheck>(), HealthStatus.Unhealthy, ["ready"]))
            .Add(new HealthCheckRegistration("queues", provider => provider.GetRequiredService<RefusedQueues>(), HealthStatus.Unhealthy, ["ready"]))
            .Add(new HealthCheckRegistration("subscriptions", provider => provider.GetRequiredService<Subscriptions>(), HealthStatus.Unhealthy, ["ready"]))
            .Add(new HealthCheckRegistration("topology", provider => provider.GetRequiredService<TopologyWatch>(), HealthStatus.Degraded, ["ready"]));

        services.AddMassTransit(bus =>
        {
            bus.DisableUsageTelemetry();
            bus.ConfigureHealthCheckOptions(health => health.MinimalFailureStatus = HealthStatus.Degraded);    // BrokerHealthCheck says when that is too little
            bus.AddEntityFrameworkOutbox<TDbContext>(outbox => outbox.UseBusOutbox());
            bus.AddReceiveObserver(provider => provider.GetRequiredService<Deliveries>());
            configure?.Invoke(bus);
            bus.AddReceiveEndpointObserver(provider => provider.GetRequiredService<RefusedQueues>());
            bus.AddConfigureEndpointsCallback((context, name, endpoint) =>
                new EndpointPolicy<TDbContext>(context, context.GetRequiredService<IOptions<MessagingOptions>>().Value).Apply(endpoint, name));
            bus.UsingRabbitMq((context, broker) =>
            {
                var options = context.GetRequiredService<IOptions<MessagingOptions>>().Value;
                var service = context.GetRequiredService<ServiceIdentity>();
                broker.Host(options.Broker, service.Name, host => BrokerConnection.Configure(host, options));
                broker.MessageTopology.SetEntityNameFormatter(context.GetRequiredService<EntityNames>());
                broker.UseWireFormat(context.GetRequiredService<EventCatalogue>());
                broker.ConfigureSend(send => send.UseExecute(sent => Sign(sent, options.Account)));
                broker.ConfigurePublish(publish => publish.UseExecute(sent => Sign(sent, options.Account)));
                broker.ConfigureEndpoints(context);
                foreach (var (lane, consumer) in context.GetRequiredService<Lanes>().Queues.SelectMany(q => q.Lanes.Select(lane => (lane, q.Consumer))))
                {
                    broker.ReceiveEndpoint(lane, endpoint =>
                    {
                        context.GetConfigureReceiveEndpoints().Configure(lane, endpoint);
                        context.ConfigureConsumer(consumer, endpoint);
                    });
                }
            });
        });
        services.Configure<MassTransitHostOptions>(host =>
        {
            // A service starts, and takes orders, while the broker is away.
            host.WaitUntilStarted = false;
            host.StopTimeout = TimeSpan.FromSeconds(20);
        });
        // After the bus, so that they stop before it.
        services.AddHostedService(provider => provider.GetRequiredService<LaneChannels>());
        services.AddHostedService<ConsumerGuard>();
        services.AddSingleton<UnroutedEvents>();
        services.AddSingleton<TopologyWatch>();
        services.AddHostedService(provider => provider.GetRequiredService<TopologyWatch>());
        services.TryAddScoped<IMessageScheduler>(CreateScheduler<TDbContext>);
        return builder;
    }

    // What goes by the transport itself, past the outbox.
    private static void Sign(SendContext context, string account)
    {
        if (context.TryGetPayload<RabbitMqSendContext>(out var rabbit))
        {
            rabbit.BasicProperties.UserId = account;
        }
    }

    private static Uri BrokerUri(string uri, string? username, string? password)
    {
        var broker = new UriBuilder(uri);
        broker.UserName = string.IsNullOrEmpty(username) ? broker.UserName : Uri.EscapeDataString(username);
        broker.Password = string.IsNullOrEmpty(password) ? broker.Password : Uri.EscapeDataString(password);
        return broker.Uri;
    }

    // The scope's own scheduler: what it schedules and cancels is part of the unit of work.
    private static MessageScheduler CreateScheduler<TDbContext>(IServiceProvider provider)
        where TDbContext : DbContext
    {
        var outbox = OutboxBuffer.Of(provider.GetRequiredService<TDbContext>());
        var endpoints = provider.GetRequiredService<IScopedBusContextProvider<IBus>>().Context.SendEndpointProvider;
        return new MessageScheduler(
            OutboxScheduleProvider.Of(endpoints, outbox),
            provider.GetRequiredService<IBus>().Topology);
    }
}
