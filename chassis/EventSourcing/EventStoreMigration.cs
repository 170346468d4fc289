using Chassis.Data;
using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.EventSourcing;

/// <summary>The event store's part of a service's migrations.</summary>
public static class EventStoreMigration
{
    /// <summary>Creates schema <c>event_store</c>: events (append-only), the keys of personal data, checkpoints, and the two functions of a rebuild.</summary>
    public static void CreateEventStore(this MigrationBuilder migration)
    {
        migration.Sql(
            """
            CREATE SCHEMA event_store;

            CREATE TABLE event_store.events (
                position       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                transaction_id xid8        NOT NULL DEFAULT pg_current_xact_id(),
                event_id       uuid        NOT NULL UNIQUE,
                stream_id      uuid        NOT NULL,
                stream_type    text        NOT NULL,
                version        bigint      NOT NULL CHECK (version > 0),
                event_type     text        NOT NULL,
                event_version  integer     NOT NULL CHECK (event_version > 0),
                payload        jsonb       NOT NULL,
                data_subject   text,
                metadata       jsonb       NOT NULL,
                occurred_at    timestamptz NOT NULL,
                recorded_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
                UNIQUE (stream_id, version)
            );
            CREATE INDEX events_order ON event_store.events (transaction_id, position);
            CREATE INDEX events_type ON event_store.events (event_type, position);
            CREATE INDEX events_time ON event_store.events USING brin (occurred_at);

            -- Rights keep the service from changing history; this keeps everybody from doing it by accident.
            CREATE FUNCTION event_store.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'event_store.events is append-only' USING ERRCODE = 'insufficient_privilege'; END $$;
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_store.events
                FOR EACH STATEMENT EXECUTE FUNCTION event_store.refuse_change();

            CREATE TABLE event_store.personal_keys (
                subject      text        PRIMARY KEY,
                key          bytea,
                created_at   timestamptz NOT NULL DEFAULT now(),
                destroyed_at timestamptz
            );

            CREATE TABLE event_store.projections (
                name                 text        PRIMARY KEY,
                transaction_id       xid8        NOT NULL DEFAULT '0',
                position             bigint      NOT NULL DEFAULT 0,
                error                text,
                rebuild_state        text        CHECK (rebuild_state IN ('requested', 'running', 'completed', 'failed')),
                rebuild_requested_at timestamptz,
                rebuild_finished_at  timestamptz,
                rebuild_events       bigint      NOT NULL DEFAULT 0,
                rebuild_differences  bigint,
                rebuild_error        text
            );

            -- The service has no right to change the schema. These two do the little of it that a rebuild needs,
            -- on tables that a migration has marked for the projection by their comment, and on no others.
            CREATE FUNCTION event_store.reset_shadow(projection text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
            $$
            DECLARE t record;
            BEGIN
                FOR t IN SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                         WHERE c.relkind = 'r' AND obj_description(c.oid, 'pg_class') = 'projection ' || projection AND c.relname LIKE '%\_shadow'
                LOOP
                    EXECUTE format('TRUNCATE %I.%I', t.nspname, t.relname);
                END LOOP;
            END
            $$;

            CREATE FUNCTION event_store.swap_shadow(projection text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
            $$
            DECLARE t record;
            BEGIN
                FOR t IN SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                         WHERE c.relkind = 'r' AND obj_description(c.oid, 'pg_class') = 'projection ' || projection AND c.relname NOT LIKE '%\_shadow'
                         ORDER BY c.relname
                LOOP
                    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', t.nspname, t.relname, t.relname || '_swap');
                    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', t.nspname, t.relname || '_shadow', t.relname);
                    EXECUTE format('ALTER TABLE %I.%I RENAME TO %I', t.nspname, t.relname || '_swap', t.relname || '_shadow');
                END LOOP;
            END
            $$;
            """);
        migration.AppendOnly("event_store.events");
    }

    /// <summary>
    /// Gives the events a clock that outlasts the server. Transaction ids are a server's own: where the data is restored or moved to, they may begin again with
    /// small ones, and new events would sort before old checkpoints. What is stored is therefore the id plus an offset, which <c>follow_server()</c> raises
    /// when what is stored lies in the future of the server that it is on: then whatever comes later is greater than whatever came before, and everything from
    /// before is final.
    /// </summary>
    public static void CreateTransactionClock(this MigrationBuilder migration)
    {
        migration.Sql(
            """
            CREATE TABLE event_store.transaction_clock (
                only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
                server_offset bigint  NOT NULL DEFAULT 0
            );
            INSERT INTO event_store.transaction_clock DEFAULT VALUES;

            CREATE FUNCTION event_store.current_transaction() RETURNS xid8 LANGUAGE sql STABLE AS
            $$ SELECT (pg_current_xact_id()::text::bigint + server_offset)::text::xid8 FROM event_store.transaction_clock $$;

            -- Whatever carries a smaller id is visible or will never be.
            CREATE FUNCTION event_store.oldest_running_transaction() RETURNS xid8 LANGUAGE sql STABLE AS
            $$ SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint + server_offset)::text::xid8 FROM event_store.transaction_clock $$;

            ALTER TABLE event_store.events ALTER COLUMN transaction_id SET DEFAULT event_store.current_transaction();

            -- Answers how far the offset rose; 0 on the server that wrote everything. The service may call it, and has no other right to the clock.
            CREATE FUNCTION event_store.follow_server() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
            $$
            DECLARE before bigint; latest bigint;
            BEGIN
                SELECT server_offset INTO before FROM event_store.transaction_clock FOR UPDATE;
                SELECT greatest((SELECT max(transaction_id) FROM event_store.events), (SELECT max(transaction_id) FROM event_store.projections))::text::bigint INTO latest;
                IF latest IS NULL OR latest < pg_snapshot_xmax(pg_current_snapshot())::text::bigint + before THEN RETURN 0; END IF;
                UPDATE event_store.transaction_clock SET server_offset = latest;
                RETURN latest - before;
            END
            $$;
            """);
        migration.AppendOnly("event_store.transaction_clock");
    }

    /// <summary>
    /// Makes the position the order in which projections read, in place of the transaction id. A position is handed out before the commit, so "after the last
    /// one" alone would skip what commits late. Therefore every writer announces, by a lock that lasts as long as its transaction, how far the positions had
    /// come before it got its own: below the earliest of those that are held, whatever carries a position is visible or will never be. Nobody but writers of
    /// this store holds anything back.
    /// </summary>
    public static void CreateFinalPositions(this MigrationBuilder migration) => migration.Sql(
        """
        -- Whoever is writing has committed then, and what is stored is final.
        LOCK TABLE event_store.events IN SHARE ROW EXCLUSIVE MODE;

        CREATE FUNCTION event_store.announce_writer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
        $$
        BEGIN
            -- First the number, then the lock, and only then a position (the trigger comes before the rows). A key has 32 bits: the lower ones.
            PERFORM pg_advisory_xact_lock_shared(1163284052, (last_value - (NOT is_called)::int)::bit(32)::int) FROM event_store.events_position_seq;
            RETURN NULL;
        END
        $$;
        CREATE TRIGGER announce_writer BEFORE INSERT ON event_store.events FOR EACH STATEMENT EXECUTE FUNCTION event_store.announce_writer();

        CREATE VIEW event_store.writers AS
            SELECT pid, objid::bigint AS announced FROM pg_locks
            WHERE locktype = 'advisory' AND classid = 1163284052 AND objsubid = 2 AND database = (SELECT oid FROM pg_database WHERE datname = current_database());

        -- Up to here everything is visible to a statement that begins after this one. First the number, then the locks: whoever is not seen here gets a later position.
        CREATE FUNCTION event_store.last_final_position() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS
        $$
        DECLARE latest bigint;
        BEGIN
            SELECT last_value - (NOT is_called)::int INTO latest FROM event_store.events_position_seq;
            RETURN (SELECT least(latest, min(latest + (announced - latest)::bit(32)::int)) FROM event_store.writers);
        END
        $$;

        -- Checkpoints in the new order. Where one has left an earlier position out, and was about to come to it, the projection is made anew.
        CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
            SELECT p.name, p.transaction_id, p.position AS before, coalesce(max(e.position), 0) AS position
            FROM event_store.projections p LEFT JOIN event_store.events e ON (e.transaction_id, e.position) <= (p.transaction_id, p.position)
            GROUP BY p.name;
        UPDATE event_store.projections p
        SET position = moved.position FROM moved WHERE moved.name = p.name;
        UPDATE event_store.projections p
        SET rebuild_state = 'requested', rebuild_requested_at = now(), rebuild_finished_at = NULL, rebuild_events = 0, rebuild_differences = NULL, rebuild_error = NULL
        FROM moved
        WHERE moved.name = p.name AND EXISTS (
            SELECT FROM event_store.events e WHERE e.position < moved.position AND (e.transaction_id, e.position) > (moved.transaction_id, moved.before));

        -- A replica of the version before may still write while this one starts: it reads and sets the column and calls the function. Nobody else does.
        ALTER TABLE event_store.projections DROP COLUMN transaction_id;
        ALTER TABLE event_store.events ALTER COLUMN transaction_id SET DEFAULT pg_current_xact_id();
        CREATE OR REPLACE FUNCTION event_store.current_transaction() RETURNS xid8 LANGUAGE sql STABLE AS $$ SELECT pg_current_xact_id() $$;
        DROP FUNCTION event_store.oldest_running_transaction(), event_store.follow_server();
        DROP TABLE event_store.transaction_clock;
        DROP INDEX event_store.events_order;
        """);

    /// <summary>Lets a rebuild say how far it is.</summary>
    public static void CreateRebuildProgress(this MigrationBuilder migration) => migration.Sql(
        """
        ALTER TABLE event_store.projections
            ADD COLUMN rebuild_started_at timestamptz,
            ADD COLUMN rebuild_position   bigint NOT NULL DEFAULT 0,
            ADD COLUMN rebuild_target     bigint;
        """);

    /// <summary>Registers a projection and makes the shadow twin of each of its tables, which must exist already.</summary>
    public static void CreateProjection(this MigrationBuilder migration, string name, params string[] tables)
    {
        foreach (var table in tables)
        {
            migration.Sql(
                $"""
                CREATE TABLE {table}_shadow (LIKE {table} INCLUDING ALL);
                COMMENT ON TABLE {table} IS 'projection {name}';
                COMMENT ON TABLE {table}_shadow IS 'projection {name}';
                """);
        }

        migration.Sql($"INSERT INTO event_store.projections (name) VALUES ('{name}')");
    }
}
