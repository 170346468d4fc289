using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0001_initial")]
internal sealed class Initial : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.CreateIdempotencyKeys();
        migrationBuilder.CreateMessagingTables();
        base.Up(migrationBuilder);
    }
}
