using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0016_inbox_by_weeks")]
internal sealed class InboxByWeeks : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.PartitionInbox();
}
