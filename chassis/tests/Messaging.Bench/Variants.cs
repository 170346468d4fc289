using System.Text.Json;
using Chassis;
using Chassis.Messaging;
using Chassis.Testing;
using Chassis.Web;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Shop.Contracts;

namespace Messaging.Bench;

/// <summary>One way to do the same work.</summary>
internal interface IVariant : IAsyncDisposable
{
    /// <summary>Creates what is needed, without consuming anything yet.</summary>
    Task PrepareAsync(Stage stage);

    /// <summary>Starts what consumes; its queues are bound when it comes back.</summary>
    Task StartAsync();

    /// <summary>One transaction: one row and one published message.</summary>
    Task TransactAsync(int number);

    /// <summary>A message for a queue, made beforehand.</summary>
    (string ContentType, byte[] Body) Message<T>(Guid id, T message)
        where T : class;
}

/// <summary>Both MassTransit variants: with our outbox and inbox, or without any.</summary>
internal abstract class HostVariant : IVariant
{
    private IHost? _host;

    protected IHost Host => _host ?? throw new InvalidOperationException("Not prepared.");

    public async Task PrepareAsync(Stage stage)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = stage.Database, ["RabbitMq:Uri"] = stage.Broker.ToString(), ["Messaging:AnnounceService"] = "false",
            ["Messaging:Concurrency"] = "8", ["Messaging:Prefetch"] = "32",
        });
        // EF Core calls it an error that the table of migrations is not there before the first, the health checks that nothing is ready at the start.
        builder.Logging.AddConsole().SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Microsoft.EntityFrameworkCore.Database.Command", LogLevel.Critical)
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.Critical);
        builder.Services.AddSingleton(new ServiceIdentity(Names.Service, "1.0.0", Guid.CreateVersion7()));
        builder.Services.AddSingleton(TimeProvider.System);
        Configure(builder, stage);
        _host = builder.Build();
        await using (var scope = _host.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<BenchDatabase>().Database.MigrateAsync();
        }
    }

    public async Task StartAsync()
    {
        await Host.StartAsync();
        await Host.Services.UntilReadyAsync();
    }

    public abstract Task TransactAsync(int number);

    public (string ContentType, byte[] Body) Message<T>(Guid id, T message)
        where T : class => ("application/vnd.masstransit+json", JsonSerializer.SerializeToUtf8Bytes(
            new { messageId = id, messageType = new[] { MessageUrn.ForTypeString<T>() }, message, sentTime = DateTime.UtcNow }, JsonSerializerOptions.Web));

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.StopAsync();
            await ((IAsyncDisposable)_host).DisposeAsync();
        }
    }

    protected abstract void Configure(HostApplicationBuilder builder, Stage stage);

    protected static void AddConsumers(IBusRegistrationConfigurator bus)
    {
        bus.AddConsumer<WorkConsumer>().Endpoint(e => e.Name = Names.Work);
        bus.AddConsumer<StepConsumer>().Endpoint(e => e.Name = Names.Steps);
        bus.AddSagaStateMachine<TripMachine, Trip>().Endpoint(e => e.Name = Names.Trips)
            .EntityFrameworkRepository(r => r.ExistingDbContext<BenchDatabase>());
    }
}

internal sealed class Ours : HostVariant
{
    public override async Task TransactAsync(int number)
    {
        await using var scope = Host.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<BenchDatabase>();
        database.Add(new Item { Id = Guid.CreateVersion7(), Number = number, Note = "transaction" });
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Done(Guid.CreateVersion7(), number));
        await database.SaveChangesAsync();
    }

    protected override void Configure(HostApplicationBuilder builder, Stage stage)
    {
        builder.AddDatabase<BenchDatabase>();
        builder.AddMessaging<BenchDatabase>(ShopContracts.Catalogue, AddConsumers);
    }
}

/// <summary>
/// MassTransit and EF Core as they come, publishing straight to the broker: messages are lost and repeated when something dies at the wrong moment.
/// The connection string is the same as everybody's; the saga repository is ours.
/// </summary>
internal sealed class Direct : HostVariant
{
    public override async Task TransactAsync(int number)
    {
        await using var scope = Host.Services.CreateAsyncScope();
        var database = scope.ServiceProvider.GetRequiredService<BenchDatabase>();
        database.Add(new Item { Id = Guid.CreateVersion7(), Number = number, Note = "transaction" });
        await database.SaveChangesAsync();
        await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().Publish(new Done(Guid.CreateVersion7(), number));
    }

    protected override void Configure(HostApplicationBuilder builder, Stage stage)
    {
        builder.Services.AddDbContext<BenchDatabase>(options =>
            options.UseNpgsql(stage.Database).ConfigureWarnings(w => w.Ignore(RelationalEventId.PendingModelChangesWarning)));
        builder.Services.AddScoped<DbContext>(provider => provider.GetRequiredService<BenchDatabase>());
        builder.Services.AddMassTransit(bus => Configure(bus, stage));
    }

    private static void Configure(IBusRegistrationConfigurator bus, Stage stage)
    {
        bus.DisableUsageTelemetry();
        AddConsumers(bus);
        bus.AddConfigureEndpointsCallback((context, name, endpoint) =>
        {
            ((IRabbitMqReceiveEndpointConfigurator)endpoint).SetQuorumQueue();
            endpoint.PrefetchCount = 32;
            endpoint.ConcurrentMessageLimit = 8;
            if (name != Names.Work)
            {
                // Without any outbox replies overtake the saga's commit and sagas hang.
                endpoint.UseInMemoryOutbox(context);
            }
        });
        bus.UsingRabbitMq((context, broker) =>
        {
            broker.Host(stage.Broker);
            broker.Message<Done>(m => m.SetEntityName(Names.DoneExchange));
            broker.ConfigureEndpoints(context);
        });
    }
}
