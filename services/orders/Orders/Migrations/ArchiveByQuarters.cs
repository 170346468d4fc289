using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0017_archive_by_quarters")]
internal sealed class ArchiveByQuarters : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.PrepareArchive();
        migrationBuilder.PartitionArchive();
    }
}
