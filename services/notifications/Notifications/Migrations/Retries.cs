using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0011_retries")]
internal sealed class Retries : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.CreateRetries();
}
