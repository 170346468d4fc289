using Chassis.Web;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0008_ended_single_sessions")]
internal sealed class EndedSingleSessionsTable : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateEndedSingleSessions();
}
