using Chassis.Web;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0005_ids_of_stored_answers")]
internal sealed class IdsOfStoredAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.IndexIdempotencyKeys();
}
