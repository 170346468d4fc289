using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0009_times_of_events")]
internal sealed class TimesOfEvents : Migration
{
    // Null in what the version before writes; its own time counts then.
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        ALTER TABLE mails ADD COLUMN event_time timestamptz;
        COMMENT ON COLUMN mails.event_time IS 'When the event happened that asked for it: people wait from then on.';
        ALTER TABLE webhook_events ADD COLUMN event_time timestamptz;
        COMMENT ON COLUMN webhook_events.event_time IS 'When it happened; of a replay, when it was received.';
        """);
}
