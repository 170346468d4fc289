using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Inventory.Persistence;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0015_shares")]
internal sealed class Shares : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateShares();
}
