using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Inventory.Persistence;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0013_inbox_by_weeks")]
internal sealed class InboxByWeeks : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.PartitionInbox();
}
