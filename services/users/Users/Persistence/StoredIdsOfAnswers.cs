using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0014_stored_ids_of_answers")]
public sealed class StoredIdsOfAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.StoreIdsOfIdempotencyKeys();
}
