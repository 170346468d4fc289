using Chassis.Data;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Messaging;

/// <summary>
/// The inbox and the archive by the time in their ids, so that what has outlived its time is dropped as a whole. Each after
/// <see cref="PartitionsMigration.CreatePartitions"/>, and each in a migration of its own: none then holds two tables at once. ADR:
/// docs/adr/0042-tables-that-stay-small.md.
/// </summary>
public static class PartitionedSchema
{
    private const int DaysOfInbox = 7;
    private const int DaysOfArchive = 91;
    private const string Archive = "messaging.boundary_events";
    private const string EventId = "event_id";

    /// <summary>
    /// The inbox by message id: a message has its id for ever, so that it meets its own row in whichever week it comes again, and the key is still the
    /// database's to keep.
    /// </summary>
    public static void PartitionInbox(this MigrationBuilder migration)
    {
        migration.Partition("messaging.inbox", "message_id", DaysOfInbox, "received_at");
        migration.Sql(
            """
            ALTER TABLE messaging.inbox ADD PRIMARY KEY (message_id, consumer_id);
            CREATE INDEX ON messaging.inbox USING brin (received_at) WITH (pages_per_range = 16, autosummarize = on);

            -- The version before forgets rows by their place on the disk (ctid), which is another row's in another part. So nobody takes a row away but the
            -- transaction that wrote it, and whoever says that it sweeps.
            CREATE FUNCTION messaging.keep_receipt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
            CREATE TRIGGER keep_receipt BEFORE DELETE ON messaging.inbox FOR EACH ROW
                WHEN (OLD.received_at <> now() AND current_setting('messaging.sweep', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION messaging.keep_receipt();
            """);
        migration.Sql("SELECT partitions.make('messaging.inbox', 4, now())");
    }

    /// <summary>Before <see cref="PartitionArchive"/>, where the archive may be large: reads it and makes its new index while it is written to.</summary>
    public static void PrepareArchive(this MigrationBuilder migration)
    {
        migration.Sql("DROP INDEX CONCURRENTLY IF EXISTS messaging.boundary_events_position", suppressTransaction: true);
        migration.Sql("CREATE INDEX CONCURRENTLY boundary_events_position ON messaging.boundary_events (position)", suppressTransaction: true);
        migration.PreparePartitions(Archive, EventId, DaysOfArchive);
    }

    /// <summary>The archive by event id, which is made when the event is published.</summary>
    public static void PartitionArchive(this MigrationBuilder migration)
    {
        migration.Partition(Archive, EventId, DaysOfArchive, "time");
        migration.Sql(
            """
            ALTER TABLE messaging.boundary_events ADD UNIQUE (event_id);
            ALTER TABLE messaging.boundary_events_before DROP CONSTRAINT boundary_events_pkey;
            CREATE INDEX ON messaging.boundary_events (position);
            CREATE INDEX ON messaging.boundary_events (time, position);
            CREATE INDEX ON messaging.boundary_events (type, time);
            CREATE INDEX ON messaging.boundary_events (subject, position);
            """);
        migration.Sql("SELECT partitions.make('messaging.boundary_events', 4, now())");
    }
}
