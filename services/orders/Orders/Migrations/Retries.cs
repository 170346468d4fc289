using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0013_retries")]
internal sealed class Retries : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateRetries();
}
