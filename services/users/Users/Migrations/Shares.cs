using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Users.Persistence;

namespace Users.Migrations;

[DbContext(typeof(UsersDbContext))]
[Migration("0019_shares")]
internal sealed class Shares : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateShares();
}
