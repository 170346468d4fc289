using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0019_shares")]
internal sealed class Shares : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateShares();
}
