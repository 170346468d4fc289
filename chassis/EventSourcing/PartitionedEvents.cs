using Chassis.Data;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.EventSourcing;

/// <summary>
/// The events by the time at which their stream began, as its id says. A stream is in one part with all its versions, so that the database goes on keeping the
/// versions apart; what is written all the time are the parts of late, and those of long ago change no more. Nothing is ever dropped. ADR:
/// docs/adr/0042-tables-that-stay-small.md.
/// </summary>
public static class PartitionedEvents
{
    private const int Days = 91;
    private const string Events = "event_store.events";
    private const string StreamId = "stream_id";

    /// <summary>Before <see cref="PartitionEvents"/>, where there may be many: reads them and makes the new index while they are written to.</summary>
    public static void PrepareEvents(this MigrationBuilder migration)
    {
        migration.Sql("DROP INDEX CONCURRENTLY IF EXISTS event_store.events_position", suppressTransaction: true);
        migration.Sql("CREATE INDEX CONCURRENTLY events_position ON event_store.events (position)", suppressTransaction: true);
        migration.PreparePartitions(Events, StreamId, Days);
    }

    /// <summary>After <see cref="PartitionsMigration.CreatePartitions"/>, in a migration of its own.</summary>
    public static void PartitionEvents(this MigrationBuilder migration)
    {
        migration.Partition(Events, StreamId, Days, keptBy: null, mark: "append-only");
        migration.Sql(
            """
            ALTER TABLE event_store.events ADD UNIQUE (stream_id, version);
            ALTER TABLE event_store.events_before DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_event_id_key;
            CREATE INDEX ON event_store.events (position);
            CREATE INDEX ON event_store.events (transaction_id, position);
            CREATE INDEX ON event_store.events (event_type, position);
            CREATE INDEX ON event_store.events USING brin (occurred_at);

            DROP TRIGGER announce_writer ON event_store.events_before;
            CREATE TRIGGER announce_writer BEFORE INSERT ON event_store.events FOR EACH STATEMENT EXECUTE FUNCTION event_store.announce_writer();
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_store.events
                FOR EACH STATEMENT EXECUTE FUNCTION event_store.refuse_change();
            SELECT partitions.protect('event_store.events'::regclass, 'event_store.events_open');
            """);
        migration.Sql("SELECT partitions.make('event_store.events', 4, now())");
    }
}
