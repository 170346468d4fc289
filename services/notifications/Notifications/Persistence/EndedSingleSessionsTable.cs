using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Notifications.Persistence;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0007_ended_single_sessions")]
public sealed class EndedSingleSessionsTable : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateEndedSingleSessions();
}
