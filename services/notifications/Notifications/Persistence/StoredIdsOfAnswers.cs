using Chassis.Web;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Notifications.Persistence;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0008_stored_ids_of_answers")]
public sealed class StoredIdsOfAnswers : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.StoreIdsOfIdempotencyKeys();
}
