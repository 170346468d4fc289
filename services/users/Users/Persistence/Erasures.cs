using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Users.Persistence;

[DbContext(typeof(UsersDbContext))]
[Migration("0002_erasures")]
public sealed class Erasures : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateErasures();
}
