using System.Text.Json.Nodes;
using Chassis;
using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.Testing;
using Chassis.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace EventSourcing.Tests;

public sealed record Opened(string Title);

public abstract record Entry(decimal Amount);

public sealed record Deposited(decimal Amount) : Entry(Amount);

/// <summary>Version 1 had no <paramref name="Currency"/>.</summary>
public sealed record Withdrawn(decimal Amount, string Currency) : Entry(Amount);

public sealed record OwnerNamed(string? Name, int Age);

public sealed class StoreDbContext(DbContextOptions<StoreDbContext> options) : DbContext(options);

[DbContext(typeof(StoreDbContext))]
[Migration("20260101000000_initial")]
public sealed class Initial : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.CreateEventStore();
        migrationBuilder.CreateTransactionClock();
        migrationBuilder.Sql("CREATE TABLE balances (id uuid PRIMARY KEY, version bigint NOT NULL, amount numeric NOT NULL)");
        migrationBuilder.Sql("CREATE TABLE turnover (event_type text PRIMARY KEY, count bigint NOT NULL, amount numeric NOT NULL)");
        migrationBuilder.Sql("CREATE TABLE notes (text text NOT NULL)");
        migrationBuilder.CreateProjection("balances", "balances");
        migrationBuilder.CreateProjection("turnover", "turnover");
    }
}

[DbContext(typeof(StoreDbContext))]
[Migration("20260102000000_final_positions")]
public sealed class FinalPositions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateFinalPositions();
}

[DbContext(typeof(StoreDbContext))]
[Migration("20260103000000_rebuild_progress")]
public sealed class RebuildProgress : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateRebuildProgress();
}

[DbContext(typeof(StoreDbContext))]
[Migration("20260103000001_partitions")]
internal sealed class PartitionFunctions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreatePartitions();
}

[DbContext(typeof(StoreDbContext))]
[Migration("20260103000002_events_by_quarters")]
internal sealed class EventsByQuarters : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.PrepareEvents();
        migrationBuilder.PartitionEvents();
    }
}

/// <summary>Balance by account, consistent with the write.</summary>
public sealed class Balances : Projection
{
    public override string Name => "balances";

    public override ProjectionMode Mode => ProjectionMode.Consistent;

    public override IReadOnlyList<string> Tables => ["balances"];

    public override async Task ApplyAsync(IReadOnlyList<StoredEvent> events, ProjectionTarget target, CancellationToken ct)
    {
        foreach (var stored in events)
        {
            await using var command = new NpgsqlCommand(
                $"""
                INSERT INTO {target.Table("balances")} AS b (id, version, amount) VALUES ($1, $2, $3)
                ON CONFLICT (id) DO UPDATE SET version = excluded.version, amount = b.amount + excluded.amount WHERE b.version = excluded.version - 1
                """,
                target.Connection)
            {
                Parameters = { new() { Value = stored.StreamId }, new() { Value = stored.Version }, new() { Value = Delta(stored.Data) } },
            };
            (await command.ExecuteNonQueryAsync(ct)).ShouldBe(1, $"{stored.StreamId} version {stored.Version} came out of order");
        }
    }

    public static decimal Delta(object data) => data switch { Deposited d => d.Amount, Withdrawn w => -w.Amount, _ => 0 };
}

/// <summary>Sums by type of event; follows.</summary>
public sealed class Turnover : Projection
{
    public override string Name => "turnover";

    public override ProjectionMode Mode => ProjectionMode.Asynchronous;

    public override IReadOnlyList<string> Tables => ["turnover"];

    public override async Task ApplyAsync(IReadOnlyList<StoredEvent> events, ProjectionTarget target, CancellationToken ct)
    {
        foreach (var group in events.GroupBy(e => e.EventType))
        {
            await using var command = new NpgsqlCommand(
                $"""
                INSERT INTO {target.Table("turnover")} AS t (event_type, count, amount) VALUES ($1, $2, $3)
                ON CONFLICT (event_type) DO UPDATE SET count = t.count + excluded.count, amount = t.amount + excluded.amount
                """,
                target.Connection)
            {
                Parameters =
                {
                    new() { Value = group.Key }, new() { Value = group.LongCount() }, new() { Value = group.Sum(e => e.Data is Entry x ? x.Amount : 0) },
                },
            };
            await command.ExecuteNonQueryAsync(ct);
        }
    }
}

/// <summary>An event store in a database of its own, used by a role that owns nothing.</summary>
public sealed class Fixture : LazyFixture
{
    private TestDatabase? _database;
    private WebApplication? _app;

    public TestDatabase Database => _database!;

    public IServiceProvider Services => _app!.Services;

    public override ValueTask InitializeAsync() => InitializeAsync(inherited: null);

    /// <param name="inherited">SQL that fills the database of the first version before it is upgraded.</param>
    public async ValueTask InitializeAsync(string? inherited)
    {
        _database = await TestDatabase.CreateAsync();
        _app = Create(_database);
        if (inherited is not null)
        {
            await using var db = new StoreDbContext(new DbContextOptionsBuilder<StoreDbContext>().UseNpgsql(_database.Migrations).Options);
            await db.GetService<IMigrator>().MigrateAsync("20260101000000_initial");
            await _database.ExecuteAsync(inherited);
        }

        (await _app.RunServiceAsync(["--migrate"])).ShouldBe(0);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.DisposeAsync();
        }

        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }

    /// <summary>One unit of work: everything in it is committed, or nothing.</summary>
    public async Task<T> Unit<T>(Func<IServiceProvider, EventStore, Task<T>> work)
    {
        await using var scope = Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        await using var transaction = await db.Database.BeginTransactionAsync();
        var result = await work(scope.ServiceProvider, scope.ServiceProvider.GetRequiredService<EventStore>());
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
        return result;
    }

    public Task<IReadOnlyList<StoredEvent>> Append(Guid stream, long expected, params object[] events) =>
        Unit((_, store) => store.AppendAsync("account", stream, expected, events, stream.ToString(), TestContext.Current.CancellationToken));

    public async Task<IReadOnlyList<StoredEvent>> Read(Guid stream)
    {
        await using var scope = Services.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<EventStore>().ReadAsync(stream, ct: TestContext.Current.CancellationToken);
    }

    public static Guid NewId() => Ids.New(TimeProvider.System);

    /// <summary>
    /// Makes the data look as on another server, whose transaction ids have not come as far: as after a restore of a dump, or a move. Then the service starts
    /// there.
    /// </summary>
    public async Task Move()
    {
        await Database.ExecuteAsync(
            """
            ALTER TABLE event_store.events DISABLE TRIGGER append_only;
            UPDATE event_store.events SET transaction_id = (transaction_id::text::bigint + 1000000000)::text::xid8;
            ALTER TABLE event_store.events ENABLE TRIGGER append_only;
            """);
        (await _app!.RunServiceAsync(["--migrate"])).ShouldBe(0);
    }

    private static WebApplication Create(TestDatabase database)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = database.Runtime,
            ["ConnectionStrings:Migrations"] = database.Migrations,
            ["Sealing:MasterSecret"] = "the-master-secret-of-these-tests-alone",
            ["Sealing:AnewAfter"] = "00:00:00.2",
        });
        builder.Services.TryAddSingleton(TimeProvider.System);
        builder.AddDatabase<StoreDbContext>();
        builder.Services.AddEventSourcing(events =>
        {
            events.Add<Opened>("account.opened");
            events.Add<Deposited>("account.deposited");
            events.Add<Withdrawn>("account.withdrawn", version: 2).Upcast(from: 1, AddCurrency);
            events.Add<OwnerNamed>("account.owner-named").Personal(nameof(OwnerNamed.Name));
        });
        builder.Services.AddProjection<Balances>();
        builder.Services.AddProjection<Turnover>();
        return builder.Build();
    }

    private static JsonObject AddCurrency(JsonObject payload)
    {
        payload["currency"] = "EUR";
        return payload;
    }
}
