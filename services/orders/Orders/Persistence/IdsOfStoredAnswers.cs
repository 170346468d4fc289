using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0008_ids_of_stored_answers")]
public sealed class IdsOfStoredAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.IndexIdempotencyKeys();
}
