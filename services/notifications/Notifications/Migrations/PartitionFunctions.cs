using Chassis.Data;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0013_partitions")]
internal sealed class PartitionFunctions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreatePartitions();
}
