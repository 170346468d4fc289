using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Notifications.Persistence;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0004_ids_of_stored_answers")]
public sealed class IdsOfStoredAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.IndexIdempotencyKeys();
}
