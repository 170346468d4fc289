using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Inventory.Persistence;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0014_archive_by_quarters")]
internal sealed class ArchiveByQuarters : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.PrepareArchive();
        migrationBuilder.PartitionArchive();
    }
}
