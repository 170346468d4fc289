using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Users.Persistence;

namespace Users.Migrations;

[DbContext(typeof(UsersDbContext))]
[Migration("0015_retries")]
internal sealed class Retries : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateRetries();
}
