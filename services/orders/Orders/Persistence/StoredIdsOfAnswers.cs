using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Orders.Persistence;

[DbContext(typeof(OrdersDbContext))]
[Migration("0012_stored_ids_of_answers")]
public sealed class StoredIdsOfAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.StoreIdsOfIdempotencyKeys();
}
