using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using Inventory.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Inventory.Migrations;

[DbContext(typeof(InventoryDbContext))]
[Migration("0001_initial")]
internal sealed class Initial : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        base.Up(migrationBuilder);
        migrationBuilder.AppendOnly("product_history");
        migrationBuilder.AppendOnly("movements");
        migrationBuilder.CreateIdempotencyKeys();
        migrationBuilder.CreateMessagingTables();
    }
}
