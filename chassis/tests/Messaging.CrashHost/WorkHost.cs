using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Shop.Contracts;

namespace Messaging.CrashHost;

/// <summary>A service without a web server, for tests: its name, its database and its messaging.</summary>
public static class WorkHost
{
    public const string Name = "work";

    /// <summary>Builds the service.</summary>
    /// <param name="database">Connection string; it has to own the schema.</param>
    /// <param name="broker">AMQP URI.</param>
    /// <param name="bus">Consumers and sagas.</param>
    /// <param name="settings">More configuration.</param>
    /// <param name="name">Name of the service.</param>
    /// <param name="services">More registrations.</param>
    public static IHost Build(
        string database,
        Uri broker,
        Action<IBusRegistrationConfigurator>? bus = null,
        IReadOnlyDictionary<string, string?>? settings = null,
        string name = Name,
        Action<IServiceCollection>? services = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database,
            ["RabbitMq:Uri"] = broker.ToString(),
            ["Messaging:AnnounceService"] = "false",
        });
        // One account for all: events of the others are believed of this one.
        builder.Configuration.AddInMemoryCollection(ShopContracts.Catalogue.All.Select(e => e.Publisher).Distinct().Select(publisher =>
            KeyValuePair.Create<string, string?>($"Messaging:Accounts:{publisher}", broker.UserInfo.Split(':')[0])));
        builder.Configuration.AddInMemoryCollection(settings ?? new Dictionary<string, string?>());
        builder.Logging.AddConsole().SetMinimumLevel(LogLevel.Warning);
        builder.Services.AddSingleton(new ServiceIdentity(name, "1.0.0", Guid.CreateVersion7()));
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(15));
        builder.AddPostgres<WorkDatabase>();
        builder.AddMessaging<WorkDatabase>(ShopContracts.Catalogue, bus);
        services?.Invoke(builder.Services);
        return builder.Build();
    }

    /// <summary>Migrates.</summary>
    public static async Task MigrateAsync(this IHost host)
    {
        await using var scope = host.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<WorkDatabase>().Database.MigrateAsync();
    }
}
