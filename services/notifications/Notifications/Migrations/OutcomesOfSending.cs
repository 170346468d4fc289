using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Migrations;
using Notifications.Persistence;

namespace Notifications.Migrations;

[DbContext(typeof(NotificationsDbContext))]
[Migration("0003_outcomes_of_sending")]
internal sealed class OutcomesOfSending : Migration
{
    protected override void Up(MigrationBuilder migrationBuilder) => migrationBuilder.Sql(
        """
        ALTER TABLE mails ADD COLUMN unconfirmed integer NOT NULL DEFAULT 0 CHECK (unconfirmed >= 0);
        COMMENT ON COLUMN mails.unconfirmed IS 'Attempts of which nobody knows whether the server took the mail.';
        ALTER TABLE webhooks ADD COLUMN last_failed_at timestamptz;
        COMMENT ON COLUMN webhooks.last_failed_at IS 'A failure long after the one before it begins to count anew.';
        """);
}
