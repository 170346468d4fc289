using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0010_traces")]
internal sealed class Traces : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        ALTER TABLE mails ADD COLUMN trace_parent text;
        COMMENT ON COLUMN mails.trace_parent IS 'W3C trace context of whoever asked for the mail.';
        ALTER TABLE webhook_deliveries ADD COLUMN trace_parent text;
        COMMENT ON COLUMN webhook_deliveries.trace_parent IS 'W3C trace context of whoever told of the event.';
        """);
}
