using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0014_inbox_by_weeks")]
internal sealed class InboxByWeeks : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.PartitionInbox();
}
