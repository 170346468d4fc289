using System.Text.Json;
using Chassis.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Wolverine;
using Wolverine.EntityFrameworkCore;
using Wolverine.Persistence.Sagas;
using Wolverine.Postgresql;
using Wolverine.RabbitMQ;

namespace Messaging.Bench;

/// <summary>
/// Wolverine as its guide sets it up for durability: inbox, outbox and sagas in PostgreSQL through EF Core, quorum queues. As it comes it deletes a message
/// from the outbox as soon as it is written to the connection: what the broker had not taken when it died is lost. Each host generates its code anew, at the
/// first message of each type: before the clock starts, but within what is shown as CPU time.
/// </summary>
/// <param name="confirms">Waits for the broker's confirmation instead, as ours and the hand-written bound do.</param>
internal sealed class OnWolverine(bool confirms) : IVariant
{
    private IHost? _host;

    private IHost Host => _host ?? throw new InvalidOperationException("Not prepared.");

    public async Task PrepareAsync(Stage stage)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        // That a queue has no limit of deliveries of its own: the stage's policy has one.
        builder.Logging.AddConsole().SetMinimumLevel(LogLevel.Warning).AddFilter("Wolverine.RabbitMQ.Internal.RabbitMqListener", LogLevel.Error);
        builder.UseWolverine(options => Configure(options, stage));
        _host = builder.Build();
        await using var scope = _host.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<WolverineDatabase>().Database.ExecuteSqlAsync(
            $"""
            CREATE TABLE items (id uuid PRIMARY KEY, number integer NOT NULL, note text NOT NULL);
            CREATE TABLE trips (id uuid PRIMARY KEY, current_state text NOT NULL, step integer NOT NULL, version integer NOT NULL);
            """);
    }

    public Task StartAsync() => Host.StartAsync();

    public async Task TransactAsync(int number)
    {
        await using var scope = Host.Services.CreateAsyncScope();
        var outbox = scope.ServiceProvider.GetRequiredService<IDbContextOutbox<WolverineDatabase>>();
        outbox.DbContext.Add(new Item { Id = Guid.CreateVersion7(), Number = number, Note = "transaction" });
        await outbox.PublishAsync(new Done(Guid.CreateVersion7(), number));
        await outbox.SaveChangesAndFlushMessagesAsync();
    }

    public (string ContentType, byte[] Body) Message<T>(Guid id, T message)
        where T : class => ("application/json", JsonSerializer.SerializeToUtf8Bytes(message, JsonSerializerOptions.Web));

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
        {
            await _host.StopAsync();
            await ((IAsyncDisposable)_host).DisposeAsync();
        }
    }

    private void Configure(WolverineOptions options, Stage stage)
    {
        options.PersistMessagesWithPostgresql(stage.Database);
        options.Services.AddDbContextWithWolverineIntegration<WolverineDatabase>(database => database.UseNpgsql(stage.Database));
        options.UseEntityFrameworkCoreTransactions();
        options.Policies.AutoApplyTransactions();
        options.Policies.UseDurableInboxOnAllListeners();
        options.Policies.UseDurableOutboxOnAllSendingEndpoints();
        // One process, as every variant here: it elects no leader and looks after no other node.
        options.Durability.Mode = DurabilityMode.Solo;
        options.Discovery.DisableConventionalDiscovery().IncludeType(typeof(WorkHandler)).IncludeType(typeof(StepHandler)).IncludeType<Journey>();

        var broker = options.UseRabbitMq(stage.Broker).UseQuorumQueues().AutoProvision();
        if (confirms)
        {
            broker.ConfigureChannelCreation(channel => channel.PublisherConfirmationsEnabled = channel.PublisherConfirmationTrackingEnabled = true);
        }

        foreach (var queue in (string[])[Names.Work, Names.Steps, Names.Trips])
        {
            broker.BindExchange(queue).ToQueue(queue);
            options.ListenToRabbitQueue(queue).PreFetchCount(32).MaximumParallelMessages(8);
        }

        options.PublishMessage<DoStep>().ToRabbitExchange(Names.Steps);
        options.PublishMessage<StepDone>().ToRabbitExchange(Names.Trips);
        options.PublishMessage<Done>().ToRabbitExchange(Names.DoneExchange);
    }
}

// Public, as the handlers: the code that Wolverine generates is in an assembly of its own.
public sealed class WolverineDatabase(DbContextOptions<WolverineDatabase> options) : DbContext(options)
{
    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Item>().ToTable("items").Property(i => i.Id).ValueGeneratedNever();
        modelBuilder.Entity<Journey>().ToTable("trips").Property(j => j.Version).IsConcurrencyToken();
        modelBuilder.UseSnakeCaseNames();
    }
}

/// <summary>The trip: Wolverine's sagas have a base class.</summary>
public sealed class Journey : Saga
{
    public Guid Id { get; set; }

    public string CurrentState { get; set; } = "Travelling";

    public int Step { get; set; }

    public static (Journey Journey, DoStep First) Start(StartTrip start) => (new Journey { Id = start.TripId }, new DoStep(start.TripId, 1));

    public object Handle([SagaIdentityFrom(nameof(StepDone.TripId))] StepDone done)
    {
        Step = done.Step;
        if (done.Step < 3)
        {
            return new DoStep(done.TripId, done.Step + 1);
        }

        CurrentState = "Arrived";
        return new Done(done.TripId, 3);
    }
}

public static class StepHandler
{
    public static StepDone Handle(DoStep step) => new(step.TripId, step.Step);
}

public static class WorkHandler
{
    public static Done Handle(Work work, WolverineDatabase database)
    {
        database.Add(new Item { Id = Guid.CreateVersion7(), Number = work.Number, Note = "work" });
        return new Done(work.Id, work.Number);
    }
}
