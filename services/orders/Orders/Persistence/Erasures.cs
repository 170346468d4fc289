using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0004_erasures")]
public sealed class Erasures : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateErasures();
}
