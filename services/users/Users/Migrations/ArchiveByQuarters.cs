using Chassis.Messaging;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Users.Persistence;

namespace Users.Migrations;

[DbContext(typeof(UsersDbContext))]
[Migration("0018_archive_by_quarters")]
internal sealed class ArchiveByQuarters : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        migrationBuilder.PrepareArchive();
        migrationBuilder.PartitionArchive();
    }
}
