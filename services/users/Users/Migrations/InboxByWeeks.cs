using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Users.Persistence;

namespace Users.Migrations;

[DbContext(typeof(UsersDbContext))]
[Migration("0017_inbox_by_weeks")]
internal sealed class InboxByWeeks : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.PartitionInbox();
}
