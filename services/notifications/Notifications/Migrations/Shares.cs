using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0016_shares")]
internal sealed class Shares : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateShares();
}
