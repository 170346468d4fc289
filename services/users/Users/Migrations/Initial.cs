using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Users.Persistence;

namespace Users.Migrations;

[DbContext(typeof(UsersDbContext))]
[Migration("0001_initial")]
internal sealed class Initial : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        base.Up(migrationBuilder);
        migrationBuilder.AppendOnly("user_events");
        migrationBuilder.CreateIdempotencyKeys();
        migrationBuilder.CreateMessagingTables();
    }
}
