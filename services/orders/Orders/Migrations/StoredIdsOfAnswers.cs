using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Orders.Persistence;

namespace Orders.Migrations;

[DbContext(typeof(OrdersDbContext))]
[Migration("0012_stored_ids_of_answers")]
internal sealed class StoredIdsOfAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.StoreIdsOfIdempotencyKeys();
}
