using Chassis;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Orders.Fulfilment;

namespace Orders.Payments;

/// <summary>Everything that fulfilment and payments add to the service.</summary>
public static class PaymentsModule
{
    /// <summary>In bytes. A page of a hundred payments takes about one megabyte.</summary>
    private const int LargestAnswer = 16 * 1024 * 1024;

    public static IServiceCollection AddFulfilmentAndPayments(this IServiceCollection services)
    {
        services.AddSettings<FulfilmentOptions>(FulfilmentOptions.Section);
        services.AddSettings<PaymentsOptions>(PaymentsOptions.Section);
        services.AddSingleton<PaymentPipeline>();
        services.AddHttpClient<IPaymentGateway, StripePaymentGateway>(http =>
            {
                http.Timeout = Timeout.InfiniteTimeSpan;
                http.MaxResponseContentBufferSize = LargestAnswer;
            })
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
                ConnectTimeout = TimeSpan.FromSeconds(2),

                // A change that is sent elsewhere would arrive as a question, and its answer would pass for the change's.
                AllowAutoRedirect = false,
            });
        services.AddScoped<IOrders, FulfilledOrders>().AddScoped<IPayments, RequestedPayments>().AddScoped<Fulfilments>();
        services.AddScoped<PaymentExecution>();
        services.AddScoped<ReconcilePayments>();
        services.AddHostedService<OpenWork>();
        return services;
    }

    public static void AddFulfilmentAndPayments<TDbContext>(this IBusRegistrationConfigurator bus)
        where TDbContext : DbContext
    {
        bus.AddSagaStateMachine<FulfilmentStateMachine, FulfilmentState, FulfilmentDefinition>().Endpoint(e => e.Name = OrdersQueues.Fulfilment)
            .EntityFrameworkRepository(r => r.ExistingDbContext<TDbContext>());
        bus.AddConsumer<StepsOfEarlierVersion>().Endpoint(e => e.Name = OrdersQueues.Commands);
        bus.AddConsumer<PaymentsOfEarlierVersion>().Endpoint(e => e.Name = PaymentsOfEarlierVersion.Queue);
        bus.AddConsumer<ExecutePaymentConsumer, ExecutePaymentConsumerDefinition>().Endpoint(e => e.Name = PaymentQueues.Calls);
    }

    public static void MapFulfilmentAndPayments(this IEndpointRouteBuilder app)
    {
        var v1 = app.MapGroup("/v1");
        GetFulfilment.Map(v1);
        GetPayments.Map(v1);
        ReconcilePayments.Map(v1);
    }
}
