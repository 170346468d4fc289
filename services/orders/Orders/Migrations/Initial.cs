using Chassis.Data;
using Chassis.EventSourcing;
using Chassis.Messaging;
using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;
using Orders.ReadModels;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0001_initial")]
internal sealed class Initial : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.CreateIdempotencyKeys();
        migrationBuilder.CreateMessagingTables();
        migrationBuilder.CreateEventStore();
        base.Up(migrationBuilder);
        migrationBuilder.CreateProjection(OrdersProjection.ProjectionName, OrdersProjection.Table);
        migrationBuilder.CreateProjection(SalesProjection.ProjectionName, SalesProjection.ByDay, SalesProjection.ByProduct);
    }
}
