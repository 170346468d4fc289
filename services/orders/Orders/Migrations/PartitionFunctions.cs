using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0015_partitions")]
internal sealed class PartitionFunctions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreatePartitions();
}
