using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Users.Persistence;

namespace Users.Migrations;

[DbContext(typeof(UsersDbContext))]
[Migration("0016_partitions")]
internal sealed class PartitionFunctions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreatePartitions();
}
