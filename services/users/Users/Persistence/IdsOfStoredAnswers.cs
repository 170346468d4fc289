using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0003_ids_of_stored_answers")]
public sealed class IdsOfStoredAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.IndexIdempotencyKeys();
}
