using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0015_archive_by_quarters")]
internal sealed class ArchiveByQuarters : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.PrepareArchive();
        migrationBuilder.PartitionArchive();
    }
}
