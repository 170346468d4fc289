using System.Reflection;
using Chassis;
using Chassis.Data;
using Chassis.Messaging;
using Contracts.Events;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Sample;
using Sample.Library.V1;

[assembly: EventNamespace("sample")]

// Lends a book and tells of it in one transaction, hears of it and writes a line for it, once.
// Usage: dotnet run -- <connection string of a PostgreSQL database of its own> <amqp address of a RabbitMQ virtual host>
if (args is not [var database, var broker])
{
    Console.Error.WriteLine("A connection string of PostgreSQL and an amqp address are needed.");
    return 1;
}

var builder = Host.CreateApplicationBuilder();
builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
{
    ["ConnectionStrings:Database"] = database,
    ["RabbitMq:Uri"] = broker,
    ["Messaging:AnnounceService"] = "false",
});
builder.Services.AddSingleton(new ServiceIdentity("library", "1.0.0", Guid.NewGuid()));
builder.Services.AddSingleton(TimeProvider.System);
builder.AddPostgres<LibraryDatabase>();
builder.AddMessaging<LibraryDatabase>(EventCatalogue.From(Assembly.GetExecutingAssembly()), bus =>
{
    bus.AddConsumer<BookLentConsumer>().Endpoint(e => e.Name = "library.lent");
    bus.AddEntityFrameworkOutbox<LibraryDatabase>(outbox => outbox.DuplicateDetectionWindow = TimeSpan.FromDays(1));
});

using var host = builder.Build();
await using (var scope = host.Services.CreateAsyncScope())
{
    await scope.ServiceProvider.GetRequiredService<LibraryDatabase>().Database.MigrateAsync();
}

await host.StartAsync();

// Ready is who hears: what is told before the queue is bound to it reaches nobody, on a broker that does not keep what no queue takes.
var health = host.Services.GetRequiredService<HealthCheckService>();
if (!await WithinAMinuteAsync(async () => (await health.CheckHealthAsync(check => check.Tags.Contains("ready"))).Status == HealthStatus.Healthy))
{
    Console.Error.WriteLine("The program was not ready within a minute.");
    return 1;
}

var book = Guid.CreateVersion7();
await using (var scope = host.Services.CreateAsyncScope())
{
    var library = scope.ServiceProvider.GetRequiredService<LibraryDatabase>();
    library.Add(new Loan { BookId = book });
    await scope.ServiceProvider.GetRequiredService<IPublishEndpoint>().PublishEventAsync(new BookLent(book, TimeProvider.System.GetUtcNow()), sequence: 1);

    // Both or neither: the loan and the event.
    await library.SaveChangesAsync();
}

if (!await WithinAMinuteAsync(IsHeardOfAsync))
{
    Console.Error.WriteLine("The loan was not heard of within a minute.");
    return 1;
}

Console.WriteLine("The loan was heard of.");
await host.StopAsync();
return 0;

async Task<bool> IsHeardOfAsync()
{
    await using var scope = host.Services.CreateAsyncScope();
    return await scope.ServiceProvider.GetRequiredService<LibraryDatabase>().Loans.AnyAsync(l => l.BookId == book && l.IsHeardOf);
}

static async Task<bool> WithinAMinuteAsync(Func<Task<bool>> isSo)
{
    for (var i = 0; i < 600; i++)
    {
        if (await isSo())
        {
            return true;
        }

        await Task.Delay(100);
    }

    return false;
}

namespace Sample.Library.V1
{
    /// <summary>A book has left the house.</summary>
    /// <param name="BookId">The book.</param>
    /// <param name="LentAt">When.</param>
    [BoundaryEvent("sample.book.lent.v1", nameof(BookId))]
    public sealed record BookLent(Guid BookId, DateTimeOffset LentAt);
}

namespace Sample
{
    public sealed class BookLentConsumer(LibraryDatabase library) : IConsumer<BookLent>
    {
        // The change, the inbox row and whatever else this would send are one transaction.
        public async Task Consume(ConsumeContext<BookLent> context) =>
            (await library.Loans.SingleAsync(l => l.BookId == context.Message.BookId, context.CancellationToken)).IsHeardOf = true;
    }

    public sealed class Loan
    {
        public Guid BookId { get; init; }

        public bool IsHeardOf { get; set; }
    }

    public sealed class LibraryDatabase(DbContextOptions<LibraryDatabase> options) : DbContext(options)
    {
        public DbSet<Loan> Loans => Set<Loan>();

        protected override void OnModelCreating(ModelBuilder modelBuilder)
        {
            modelBuilder.Entity<Loan>().HasKey(l => l.BookId);
            modelBuilder.UseSnakeCaseNames();
        }
    }

    [DbContext(typeof(LibraryDatabase))]
    [Migration("0001_initial")]
    public sealed class Initial : Migration
    {
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateMessagingTables();
            migrationBuilder.CreateErasures();
            migrationBuilder.CreateRetries();
            migrationBuilder.CreateShares();
            migrationBuilder.CreatePartitions();
            migrationBuilder.PartitionInbox();
            migrationBuilder.PartitionArchive();
            migrationBuilder.CreateAudit();
            migrationBuilder.Sql("CREATE TABLE loans (book_id uuid PRIMARY KEY, is_heard_of boolean NOT NULL)");
        }
    }
}
