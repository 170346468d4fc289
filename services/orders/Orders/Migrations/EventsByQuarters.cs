using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0018_events_by_quarters")]
internal sealed class EventsByQuarters : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.PrepareEvents();
        migrationBuilder.PartitionEvents();
    }
}
