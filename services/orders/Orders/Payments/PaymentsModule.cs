using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using MassTransit;
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
        services.AddScoped<ReconcilePayments>().AddScoped<AskProvider>();
        services.AddSingleton<FulfilmentGraph>();
        services.AddInstruments<PaymentMetrics>().AddInstruments<FulfilmentMetrics>();
        services.AddHostedService<OpenWork>();
        return services;
    }

    public static void AddFulfilmentAndPayments(this IBusRegistrationConfigurator bus)
    {
        bus.AddSaga<FulfilmentStateMachine, FulfilmentState, FulfilmentDefinition>(OrdersQueues.Fulfilment);
        bus.AddConsumer<StepsOfEarlierVersion>(OrdersQueues.Commands);
        bus.AddConsumer<PaymentsOfEarlierVersion>(PaymentsOfEarlierVersion.Queue);
        bus.AddConsumer<ExecutePaymentConsumer, ConcurrentCalls>(PaymentQueues.Calls);
    }

    public static void MapFulfilmentAndPayments(this IEndpointRouteBuilder app)
    {
        var v1 = app.MapGroup("/v1");
        GetFulfilment.Map(v1);
        ListFulfilments.Map(v1);
        GetPayments.Map(v1);
        ReconcilePayments.Map(v1);
        AskProvider.Map(v1);
    }
}
