using Chassis.Data;
using Chassis.Messaging;
using MassTransit;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Messaging.CrashHost;

/// <summary>One thing that happened because of a message. Nothing makes it unique: a second effect of one message shows.</summary>
public sealed class Effect
{
    public long Id { get; set; }

    public Guid Subject { get; set; }

    public int Number { get; set; }

    public string Note { get; set; } = string.Empty;
}

/// <summary>A small saga.</summary>
public sealed class Journey : SagaStateMachineInstance
{
    public Guid CorrelationId { get; set; }

    public string CurrentState { get; set; } = string.Empty;

    public string Reference { get; set; } = string.Empty;

    public int Steps { get; set; }

    public Guid? DeadlineToken { get; set; }
}

public sealed class WorkDatabase(DbContextOptions<WorkDatabase> options) : DbContext(options)
{
    public DbSet<Effect> Effects => Set<Effect>();

    public DbSet<Journey> Journeys => Set<Journey>();

    protected override void OnModelCreating(ModelBuilder modelBuilder)
    {
        modelBuilder.Entity<Journey>().HasKey(j => j.CorrelationId);
        modelBuilder.Entity<Journey>().Property(j => j.CorrelationId).ValueGeneratedNever();
        modelBuilder.Entity<Journey>().Property<uint>("Version").HasColumnName("xmin").IsRowVersion();
        modelBuilder.UseSnakeCaseNames();
    }
}

[DbContext(typeof(WorkDatabase))]
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
        migrationBuilder.Sql(
            """
            CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, subject uuid NOT NULL, number integer NOT NULL, note text NOT NULL);
            CREATE INDEX effects_subject ON effects (subject);
            CREATE TABLE journeys (
                correlation_id uuid PRIMARY KEY, current_state text NOT NULL, reference text NOT NULL, steps integer NOT NULL, deadline_token uuid NULL);
            """);
    }
}
