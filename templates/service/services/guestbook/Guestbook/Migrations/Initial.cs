using Chassis.Data;
using Chassis.Messaging;
using Chassis.Web;
using Guestbook.Persistence;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Guestbook.Migrations;

/// <summary>The tables of <c>0001_initial.sql</c>, and those that the chassis needs.</summary>
[DbContext(typeof(GuestbookDbContext))]
[Migration("0001_initial")]
internal sealed class Initial : SqlMigration
{
    protected override void Up(MigrationBuilder migrationBuilder)
    {
        base.Up(migrationBuilder);
        migrationBuilder.CreateMessagingTables();
        migrationBuilder.CreateErasures();
        migrationBuilder.CreateRetries();
        migrationBuilder.CreateShares();
        migrationBuilder.CreatePartitions();
        migrationBuilder.PartitionInbox();
        migrationBuilder.PartitionArchive();
        migrationBuilder.CreateAudit();
        migrationBuilder.CreateIdempotencyKeys();
        migrationBuilder.IndexIdempotencyKeys();
        migrationBuilder.StoreIdsOfIdempotencyKeys();
        migrationBuilder.CreateEndedSessions();
        migrationBuilder.CreateEndedSingleSessions();
    }
}
