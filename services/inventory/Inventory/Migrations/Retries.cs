using Chassis.Messaging;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0010_retries")]
internal sealed class Retries : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateRetries();
}
