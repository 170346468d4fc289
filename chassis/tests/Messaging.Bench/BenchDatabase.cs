using Chassis.Data;
using Chassis.Messaging;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Messaging.Bench;

internal sealed class Item
{
    public Guid Id { get; set; }

    public int Number { get; set; }

    public string Note { get; set; } = string.Empty;
}

internal sealed class Trip : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }

    public string CurrentState { get; set; } = string.Empty;

    public int Step { get; set; }
}

internal sealed class BenchDatabase(DbContextOptions<BenchDatabase> options) : DbContext(options)
{
    public DbSet<Item> Items => Set<Item>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Item>().Property(i => i.Id).ValueGeneratedNever();
        modelBuilder.Entity<Trip>().HasKey(t => t.CorrelationId);
        modelBuilder.Entity<Trip>().Property(t => t.CorrelationId).ValueGeneratedNever();
        modelBuilder.Entity<Trip>().ToTable("trips");
        modelBuilder.UseSnakeCaseNames();
    }
}

[DbContext(typeof(BenchDatabase))]
[Migration("0001_initial")]
internal sealed class Initial : Migration
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
        migrationBuilder.Sql(
            """
            CREATE TABLE items (id uuid PRIMARY KEY, number integer NOT NULL, note text NOT NULL);
            CREATE TABLE trips (correlation_id uuid PRIMARY KEY, current_state text NOT NULL, step integer NOT NULL);
            """);
    }
}
