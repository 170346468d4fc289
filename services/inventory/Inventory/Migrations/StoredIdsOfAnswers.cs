using Chassis.Web;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0009_stored_ids_of_answers")]
internal sealed class StoredIdsOfAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.StoreIdsOfIdempotencyKeys();
}
