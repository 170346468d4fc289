using Chassis.EventSourcing;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0007_final_positions")]
public sealed class FinalPositions : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateFinalPositions();
}
