using Chassis.Data;
using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

/// <summary>Lines for each tenant: in the outbox, and of the mails in <c>0016_shares.sql</c>.</summary>
[DbContext(typeof(NotificationsDbContext))]
[Migration("0016_shares")]
internal sealed class Shares : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        base.Up(migrationBuilder);
        migrationBuilder.CreateShares();
    }
}
