using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Notifications.Persistence;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0006_ended_sessions")]
public sealed class EndedSessionsTable : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateEndedSessions();
}
