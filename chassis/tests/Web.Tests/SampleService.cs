using System.Net.Http.Headers;
using Chassis.Data;
using Chassis.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Http.Timeouts;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chassis.Web.Tests;

public enum Colour
{
    Red,
    Green,
}

public sealed record CreateThing(string Name, int Quantity, Colour? Colour = null, IReadOnlyList<ThingPart>? Parts = null);

public sealed record WithdrawThing(string Reason) : IHasReason;

public sealed record ThingPart(string Sku, int Quantity);

public sealed class Thing
{
    public Guid Id { get; init; }

    public required string Name { get; init; }
}

public sealed class SampleDbContext(DbContextOptions<SampleDbContext> options) : DbContext(options)
{
    public DbSet<Thing> Things => Set<Thing>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) => modelBuilder.UseSnakeCaseNames();
}

[DbContext(typeof(SampleDbContext))]
[Migration("0001_initial")]
public sealed class InitialSampleMigration : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        base.Up(migrationBuilder);
        migrationBuilder.CreateIdempotencyKeys();
        migrationBuilder.IndexIdempotencyKeys();
        migrationBuilder.StoreIdsOfIdempotencyKeys();
        migrationBuilder.AppendOnly("journal");
    }
}

/// <summary>A second one, because replicas that start together can only get in each other's way between two.</summary>
[DbContext(typeof(SampleDbContext))]
[Migration("0002_second")]
public sealed class SecondSampleMigration : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        ArgumentNullException.ThrowIfNull(migrationBuilder);
        migrationBuilder.Sql("CREATE TABLE second_things (id int PRIMARY KEY)");
        migrationBuilder.CreateAudit();
    }
}

/// <summary>A small service on the whole chassis, in process, with a database of its own.</summary>
public class SampleService : LazyFixture
{
    private TestDatabase? _database;
    private WebApplication? _app;

    public TestTokens Tokens { get; init; } = new();

    public TestDatabase Database => _database!;

    public IServiceProvider Services => _app!.Services;

    public LogLines Log { get; } = new();

    /// <summary>Released by the test to let <c>/slow</c> finish.</summary>
    public SemaphoreSlim Gate { get; } = new(0);

    /// <summary>Released by <c>/slow</c> when it has been reached.</summary>
    public SemaphoreSlim Reached { get; } = new(0);

    public Dictionary<string, string?> Settings { get; } = [];

    /// <summary>On a socket instead of in memory.</summary>
    public bool Listens { get; init; }

    /// <summary>In place of the issuer's keys by discovery.</summary>
    public ISigningKeySource? Keys { get; init; }

    public override async ValueTask InitializeAsync()
    {
        _database = await TestDatabase.CreateAsync();
        _app = Build();
        foreach (var migrator in _app.Services.GetServices<IDatabaseMigrator>())
        {
            await migrator.MigrateAsync(CancellationToken.None);
        }

        await _app.StartAsync();
    }

    public HttpClient Client(string? token = null)
    {
        var client = Listens ? new HttpClient { BaseAddress = new Uri(_app!.Urls.Single()) } : _app!.GetTestClient();
        if (token is not null)
        {
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        return client;
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

        Tokens.Dispose();
        GC.SuppressFinalize(this);
    }

    private WebApplication Build()
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        if (Listens)
        {
            builder.WebHost.UseUrls("http://127.0.0.1:0");
        }
        else
        {
            builder.WebHost.UseTestServer();
        }

        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:Database"] = Database.Runtime,
            ["ConnectionStrings:Migrations"] = Database.Migrations,
            ["Authentication:Authority"] = TestTokens.Issuer,
            ["RateLimit:Permits"] = "0",
        });
        builder.Configuration.AddInMemoryCollection(Settings);
        builder.AddServiceDefaults("sample");
        builder.AddDatabase<SampleDbContext>();
        builder.Logging.AddProvider(Log);
        builder.Services.AddHttpClient(IssuerKeys.ClientName).ConfigurePrimaryHttpMessageHandler(Tokens.Handler);
        if (Keys is not null)
        {
            builder.Services.AddSingleton(Keys);
        }

        var service = builder.Build();
        service.UseServiceDefaults();
        MapThings(service.MapGroup("/things"), Reached, Gate);
        return service;
    }

    internal static void MapThings(RouteGroupBuilder things, SemaphoreSlim reached, SemaphoreSlim gate)
    {
        things.MapPost("/", Create).RequireCustomer().WithIdempotencyKey();
        things.MapPost("/slow", async (CreateThing request, SampleDbContext db, TimeProvider clock) =>
        {
            reached.Release();
            await gate.WaitAsync(TimeSpan.FromMinutes(3));
            return await Create(request, db, clock, CancellationToken.None);
        }).RequireCustomer().WithIdempotencyKey();
        things.MapPost(
            "/prepared", async (CreateThing request, SampleDbContext db, TimeProvider clock) => await Create(request, db, clock, CancellationToken.None))
            .RequireCustomer().WithIdempotencyKey(async context =>
            {
                var (thing, db) = (context.GetArgument<CreateThing>(0), context.HttpContext.RequestServices.GetRequiredService<SampleDbContext>());
                if (await db.Things.AnyAsync(t => t.Name == thing.Name))
                {
                    throw ProblemException.Conflict("taken", "There is one of this name.");
                }

                reached.Release();
                await gate.WaitAsync(TimeSpan.FromMinutes(3));
            });
        things.MapPost("/with-secret", (CreateThing request) => TypedResults.Ok(new { request.Name, secret = $"secret-of-{request.Name}" }))
            .RequireCustomer().WithIdempotencyKey(shownOnce: "secret");
        things.MapGet("/{id:guid}", (Guid id) => TypedResults.Ok(new { id }).WithETag(3)).RequireCustomer();
        things.MapGet(
            "/", ([AsParameters] PageQuery page, Colour? colour) => TypedResults.Ok(new { page.Size, after = page.After<int>(), colour })).RequireCustomer();
        things.MapPut("/{id:guid}", (Guid id, ExpectedVersion expected) =>
        {
            expected.Check(3);
            return TypedResults.NoContent();
        }).RequireCustomer();
        things.MapGet("/caller", (Caller caller) => new { caller.UserId, caller.Subject, caller.IsOperator, caller.TenantId }).RequireCustomer();
        things.MapGet("/context", () => OperationContext.Current).RequireCustomer();
        things.MapGet("/operators", () => "ok").RequireOperator(Permissions.ReadReports);
        things.MapGet("/operators/{id:guid}", (Guid id) => TypedResults.Ok(new { id, about = "somebody" })).RequireOperator(Permissions.ReadReports);
        things.MapPost("/{id:guid}/withdraw", Withdraw).RequireOperator(Permissions.ReadReports);
        things.MapPost("/{id:guid}/withdraw-once", Withdraw).RequireOperator(Permissions.ReadReports).WithIdempotencyKey();
        things.MapGet("/costly", () => "ok").RequireCustomer().IsCostly();
        things.MapGet("/open", () => "ok").AllowAnonymous();
        things.MapGet("/forgotten", () => "ok");
        things.MapGet("/broken", string () => throw new InvalidOperationException("secret internals")).AllowAnonymous();
        things.MapGet("/conflict", string () => throw new DbUpdateConcurrencyException("stale")).AllowAnonymous();
        things.MapGet("/hangs", (CancellationToken ct) => Task.Delay(Timeout.Infinite, ct)).AllowAnonymous()
            .WithRequestTimeout(new RequestTimeoutPolicy { Timeout = TimeSpan.FromMilliseconds(200), TimeoutStatusCode = 503 });
        things.MapPage("/page", "<!doctype html><title>Page</title><style>b { color: red }</style>\r\n<script>\r\ndocument.title = 'x';\r\n</script>");
        things.MapGet("/endless", async (HttpContext http, CancellationToken ct) =>
        {
            http.Response.ContentType = "text/event-stream";
            await http.Response.WriteAsync("retry: 2000\n\n", ct);
            await Task.Delay(Timeout.Infinite, ct).ContinueWith(_ => { }, TaskScheduler.Default);
        }).AllowAnonymous().DisableRequestTimeout();
        things.MapGet("/database", (SampleDbContext db, CancellationToken ct) => db.Database.ExecuteSqlRawAsync("SELECT 1", ct)).AllowAnonymous();
    }

    // One statement and no transaction of its own.
    private static async Task<Accepted> Withdraw(Guid id, WithdrawThing request, SampleDbContext db, CancellationToken ct)
    {
        new Validator().Text("reason", request.Reason, 100).ThrowIfInvalid();
        db.Things.Add(new Thing { Id = id, Name = "withdrawn" });
        await db.SaveChangesAsync(ct);
        return TypedResults.Accepted("/things");
    }

    private static async Task<IResult> Create(CreateThing request, SampleDbContext db, TimeProvider clock, CancellationToken ct)
    {
        var validator = new Validator().Text("name", request.Name, 20).Positive("quantity", request.Quantity);
        foreach (var (index, part) in (request.Parts ?? []).Index())
        {
            validator.Positive($"parts[{index}].quantity", part.Quantity);
        }

        validator.ThrowIfInvalid();
        await using var transaction = await db.BeginOrJoinAsync(ct);
        var thing = new Thing { Id = Ids.New(clock), Name = request.Name };
        db.Things.Add(thing);
        await db.SaveChangesAsync(ct);
        await transaction.CommitAsync(ct);
        return TypedResults.Created($"/things/{thing.Id}", thing).WithETag(1);
    }
}
