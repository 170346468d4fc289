using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Chassis.Messaging.Operations;
using Inventory.Domain;
using Inventory.Features;
using Inventory.Persistence;
using MassTransit;
using Shop.Contracts;

namespace Inventory;

/// <summary>What the service is made of.</summary>
internal static class InventoryModule
{
    /// <summary>Removes addresses of erased customers.</summary>
    public const string ErasuresQueue = "inventory.erasures";

    public static IServiceCollection AddInventory(this IServiceCollection services)
    {
        services.AddSettings<ReservationOptions>("Reservations");
        services.AddSettings<ShippingOptions>("Shipping");

        services.AddInstruments<InventoryMetrics>();

        services.AddSingleton<RecipeBook.Cache>();
        services.AddScoped<RecipeBook>().AddScoped<StockLedger>().AddScoped<ProductHistory>().AddScoped<Catalogue>();
        services.AddScoped<Reservations>().AddScoped<Shipments>().AddScoped<StockSignals>();

        services.AddScoped<AddProduct>().AddScoped<ChangePrice>().AddScoped<DiscontinueProduct>().AddScoped<ImportCatalogue>();
        services.AddScoped<ReceiveStock>().AddScoped<AdjustStock>().AddScoped<DispatchShipment>();
        services.AddScoped<ReserveStockHandler>().AddScoped<ReleaseStockHandler>().AddScoped<ShipOrderHandler>();

        services.AddSingleton(p => new GroupCommit<ReservationRequest>(
            p.GetRequiredService<IServiceScopeFactory>(),
            (scope, group, ct) => scope.GetRequiredService<ReserveStockHandler>().Handle(group, ct),
            r => r.Command.OrderId));
        services.AddSingleton<ExpireReservations>().AddHostedService(provider => provider.GetRequiredService<ExpireReservations>());
        return services;
    }

    public static void AddInventoryConsumers(this IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<ReserveStockConsumer>(Queues.InventoryCommands);
        bus.AddConsumer<ReleaseStockConsumer>(Queues.InventoryCommands);
        bus.AddConsumer<ShipOrderConsumer>(Queues.InventoryCommands);
        bus.AddConsumer<EraseAddresses>(ErasuresQueue);
        bus.AddEndedSessions<EndSessions>("inventory");
    }

    public static void MapInventory(this IEndpointRouteBuilder app)
    {
        var products = app.MapGroup("/v1/products").AddEndpointFilter(OnlySkusAsync);
        AddProduct.Map(products);
        ImportCatalogue.Map(products);
        ReadProducts.Map(products);
        ReadProductHistory.Map(products);
        ChangePrice.Map(products);
        DiscontinueProduct.Map(products);
        ReceiveStock.Map(products);
        AdjustStock.Map(products);
        ReadStock.Map(products);
        ReadMovements.Map(products);

        ReadReservation.Map(app.MapGroup("/v1/reservations"));

        var shipments = app.MapGroup("/v1/shipments");
        ReadShipments.Map(shipments);
        DispatchShipment.Map(shipments);

        AuditStock.Map(app.MapGroup("/v1/ops"));
    }

    // What cannot be a sku is not looked for.
    private static ValueTask<object?> OnlySkusAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next) =>
        context.HttpContext.Request.RouteValues["sku"] is string sku && !Skus.IsValid(sku) ? throw Errors.NoSuchProduct(sku) : next(context);
}
