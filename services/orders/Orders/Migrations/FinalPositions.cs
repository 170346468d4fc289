using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0007_final_positions")]
internal sealed class FinalPositions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateFinalPositions();
}
