using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.Messaging;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Tables.Bench;

/// <summary>The tables as they were before: each in one piece.</summary>
internal sealed class WholeTables(DbContextOptions<WholeTables> options) : DbContext(options);

/// <summary>The same in parts.</summary>
internal sealed class PartitionedTables(DbContextOptions<PartitionedTables> options) : DbContext(options);

[DbContext(typeof(WholeTables))]
[Migration("0001_whole")]
internal sealed class Whole : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => Create(migrationBuilder);

    internal static void Create(MigrationBuilder migration)
    {
        migration.CreateMessagingTables();
        migration.CreateEventStore();
        migration.CreateTransactionClock();
        migration.CreateFinalPositions();
    }
}

[DbContext(typeof(PartitionedTables))]
[Migration("0001_parts")]
internal sealed class Parts : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        Whole.Create(migrationBuilder);
        migrationBuilder.CreatePartitions();
        migrationBuilder.PartitionInbox();
        migrationBuilder.PartitionEvents();
    }
}
