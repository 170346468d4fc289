using Chassis;
using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.EventSourcing.Operations;
using Chassis.Messaging;
using Chassis.Messaging.Operations;
using MassTransit;
using Orders.Catalogue;
using Orders.Domain;
using Orders.Features;
using Orders.Fulfilment;
using Orders.ReadModels;

namespace Orders;

/// <summary>What the orders side of the service is made of; fulfilment and payments have modules of their own.</summary>
internal static class OrdersModule
{
    public static IServiceCollection AddOrders(this IServiceCollection services)
    {
        services.AddSettings<OrdersOptions>(OrdersOptions.Section);
        services.AddEventSourcing(OrderEventTypes.Configure);
        services.AddProjection<OrdersProjection>();
        services.AddProjection<SalesProjection>();
        services.AddCoreEventHandler<OrderEvent, OrderTranslation>();
        services.AddScoped<OrderStore>().AddScoped<LocalCatalogue>().AddScoped<DraftQuota>().AddSingleton<CatalogueMetrics>().AddInstruments<OrderMetrics>();
        services.AddScoped<CreateOrder>()
            .AddScoped<ChangeItems>()
            .AddScoped<SubmitOrder>()
            .AddScoped<Features.CancelOrder>()
            .AddScoped<CancelOrdersOfCustomer>();
        services.AddSingleton<OrderReader>().AddSingleton<StreamOrder>();
        return services;
    }

    public static void AddOrdersConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<CancelOpenOrderConsumer>(OrdersQueues.Commands);
        bus.AddConsumer<CatalogueConsumer>(CatalogueConsumer.Queue);
        bus.AddEndedSessions<EndSessions>("orders");
    }

    public static void MapOrders(this IEndpointRouteBuilder app)
    {
        var orders = app.MapGroup("/v1/orders");
        CreateOrder.Map(orders);
        ChangeItems.Map(orders);
        SubmitOrder.Map(orders);
        Features.CancelOrder.Map(orders);
        ReadOrder.Map(orders);
        ListOrders.Map(orders);
        ReadOrderEvents.Map(orders);
        StreamOrder.Map(orders);
        SalesStatistics.Map(app);
        ResyncCopies.Map(app);
        app.MapProjectionOps();
    }
}
