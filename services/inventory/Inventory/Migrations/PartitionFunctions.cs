using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Inventory.Persistence;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0012_partitions")]
internal sealed class PartitionFunctions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreatePartitions();
}
