using Microsoft.EntityFrameworkCore.Migrations;

namespace Chassis.Messaging;

/// <summary>The tables of messaging. They are written with plain SQL and are no part of any model.</summary>
public static class Schema
{
    /// <summary>Creates schema <c>messaging</c>: outbox, inbox, boundary-event archive and dead letters.</summary>
    public static void CreateMessagingTables(this MigrationBuilder migration) => migration.Sql(Sql);

    /// <summary>
    /// Makes messages findable by what they are about, for <see cref="Erasure.PersonalData"/>: every id that stands as a whole value in the body, and the
    /// subject. Headers are left out, also those inside of an envelope: they name who acted. Only stored failures pay for the index; the outbox has it over
    /// parked rows alone.
    /// </summary>
    public static void CreateErasures(this MigrationBuilder migration) => migration.Sql(ErasureSql);

    /// <summary>
    /// What operators do with dead letters: notes, a deletion that can be undone, and retries as operations with an outcome for each message. No text of a
    /// message is in the tables of retries.
    /// </summary>
    public static void CreateRetries(this MigrationBuilder migration) => migration.Sql(RetriesSql);

    /// <summary>
    /// Lines of the outbox for what is more than a tenant's share, one for each. ADR: docs/adr/0046-nobody-is-in-the-way.md.
    /// </summary>
    public static void CreateShares(this MigrationBuilder migration) => migration.Sql(
        """
        ALTER TABLE messaging.outbox ADD COLUMN surplus_of text NULL;
        COMMENT ON COLUMN messaging.outbox.surplus_of IS 'The tenant (empty: nobody''s) in whose line it waits, whatever due_at says, until there is room.';
        CREATE INDEX outbox_surplus ON messaging.outbox (surplus_of, id) WHERE surplus_of IS NOT NULL;
        """);

    // The outbox and the inbox turn over completely all the time: vacuum early, leave room in the pages, no constraint that costs a look-up.
    internal const string Sql =
        """
        CREATE SCHEMA IF NOT EXISTS messaging;

        CREATE TABLE messaging.outbox (
            id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            message_id   uuid        NOT NULL,
            outbox_key   text        NULL,
            exchange     text        NOT NULL,
            routing_key  text        NOT NULL,
            content_type text        NOT NULL,
            headers      jsonb       NOT NULL,
            body         bytea       NOT NULL,
            mandatory    boolean     NOT NULL,
            scheduled    boolean     NOT NULL,
            token        uuid        NULL,
            due_at       timestamptz NOT NULL,
            attempts     integer     NOT NULL DEFAULT 0,
            last_error   text        NULL,
            parked_at    timestamptz NULL,
            created_at   timestamptz NOT NULL DEFAULT now()
        ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000,
                autovacuum_vacuum_insert_scale_factor = 0.0, autovacuum_vacuum_insert_threshold = 100000, autovacuum_vacuum_cost_delay = 0,
                autovacuum_analyze_scale_factor = 0.0, autovacuum_analyze_threshold = 50000);
        CREATE INDEX outbox_due ON messaging.outbox (due_at) WHERE parked_at IS NULL;
        CREATE INDEX outbox_token ON messaging.outbox (token) WHERE token IS NOT NULL;
        CREATE INDEX outbox_parked ON messaging.outbox (parked_at) WHERE parked_at IS NOT NULL;
        COMMENT ON COLUMN messaging.outbox.due_at IS
            'An immediate message belongs to the process that wrote it until then, a scheduled one is sent then, a refused one is tried again then.';

        CREATE TABLE messaging.inbox (
            message_id  uuid        NOT NULL,
            consumer_id uuid        NOT NULL,
            received_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (message_id, consumer_id)
        ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
        CREATE INDEX inbox_received ON messaging.inbox USING brin (received_at) WITH (pages_per_range = 16, autosummarize = on);

        CREATE TABLE messaging.boundary_events (
            position    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            event_id    uuid        NOT NULL UNIQUE,
            type        text        NOT NULL,
            subject     text        NOT NULL,
            time        timestamptz NOT NULL,
            headers     json        NOT NULL,
            data        json        NOT NULL
        );
        CREATE INDEX boundary_events_time ON messaging.boundary_events (time, position);
        CREATE INDEX boundary_events_type ON messaging.boundary_events (type, time);
        CREATE INDEX boundary_events_subject ON messaging.boundary_events (subject, position);

        CREATE TABLE messaging.dead_letters (
            id                uuid        PRIMARY KEY,
            message_id        text        NOT NULL,
            message_type      text        NOT NULL,
            queue             text        NOT NULL,
            reason            text        NOT NULL,
            fingerprint       text        NOT NULL,
            exception_type    text        NULL,
            exception_message text        NULL,
            stack_trace       text        NULL,
            content_type      text        NOT NULL,
            headers           jsonb       NOT NULL,
            body              bytea       NOT NULL,
            status            text        NOT NULL,
            failures          integer     NOT NULL DEFAULT 1,
            first_failed_at   timestamptz NOT NULL,
            failed_at         timestamptz NOT NULL,
            history           jsonb       NOT NULL DEFAULT '[]',
            UNIQUE (queue, message_id)
        );
        CREATE INDEX dead_letters_status ON messaging.dead_letters (status, failed_at DESC, id);
        CREATE INDEX dead_letters_fingerprint ON messaging.dead_letters (fingerprint) WHERE status = 'open';
        """;

    private const string ErasureSql =
        """
        CREATE FUNCTION messaging.about(headers jsonb, body bytea) RETURNS uuid[] LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS
        $$
            SELECT ARRAY(
                SELECT found[2]::uuid FROM regexp_matches(
                    encode(body, 'escape'), '"([^"]*)"\s*:\s*"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})"', 'g') AS found
                WHERE found[1] !~ '^(x-|cloudEvents_)'
                UNION
                SELECT (headers->>'cloudEvents_subject')::uuid
                WHERE headers->>'cloudEvents_subject' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$')
        $$;
        CREATE INDEX dead_letters_about ON messaging.dead_letters USING gin (messaging.about(headers, body));
        CREATE INDEX outbox_parked_about ON messaging.outbox USING gin (messaging.about(headers, body)) WHERE parked_at IS NOT NULL;

        CREATE TABLE messaging.erasures (
            person    uuid        PRIMARY KEY,
            about     uuid[]      NOT NULL,
            erased_at timestamptz NOT NULL DEFAULT now()
        );
        COMMENT ON TABLE messaging.erasures IS 'Who was erased, and the ids of what was theirs: what messages under way leave behind later is erased as well.';
        """;

    private const string RetriesSql =
        """
        ALTER TABLE messaging.dead_letters
            ADD COLUMN notes        jsonb       NOT NULL DEFAULT '[]',
            ADD COLUMN waits_for    uuid        NULL,
            ADD COLUMN deleted_at   timestamptz NULL,
            ADD COLUMN deleted_from text        NULL;
        COMMENT ON COLUMN messaging.dead_letters.waits_for IS 'The retry that is going to send it, so that it is in one at a time.';
        COMMENT ON COLUMN messaging.dead_letters.deleted_at IS 'Null when what the message said is gone, and the deletion cannot be undone.';
        COMMENT ON COLUMN messaging.dead_letters.deleted_from IS 'Its status before.';
        CREATE INDEX dead_letters_message ON messaging.dead_letters (message_id);
        CREATE INDEX dead_letters_deleted ON messaging.dead_letters (deleted_at) WHERE deleted_at IS NOT NULL;

        CREATE TABLE messaging.retries (
            id                   uuid             PRIMARY KEY,
            queue                text             NULL,
            message_type         text             NULL,
            fingerprint          text             NULL,
            reason               text             NULL,
            rate                 double precision NULL,
            stop_on_same_failure boolean          NOT NULL,
            status               text             NOT NULL,
            total                integer          NOT NULL,
            started_at           timestamptz      NOT NULL,
            started_by           text             NOT NULL,
            ended_at             timestamptz      NULL,
            stopped_because      text             NULL,
            next_at              timestamptz      NOT NULL,
            closed_at            timestamptz      NULL
        );
        CREATE INDEX retries_started ON messaging.retries (started_at DESC, id DESC);
        CREATE INDEX retries_open ON messaging.retries (started_at) WHERE closed_at IS NULL;
        COMMENT ON COLUMN messaging.retries.next_at IS 'When its next message may be sent.';
        COMMENT ON COLUMN messaging.retries.closed_at IS 'When there was nothing more to find out.';

        CREATE TABLE messaging.retried_messages (
            retry_id       uuid        NOT NULL REFERENCES messaging.retries ON DELETE CASCADE,
            place          integer     NOT NULL,
            dead_letter_id uuid        NOT NULL,
            message_id     text        NOT NULL,
            message_type   text        NOT NULL,
            queue          text        NOT NULL,
            fingerprint    text        NOT NULL,
            outcome        text        NOT NULL,
            at             timestamptz NOT NULL,
            failures       integer     NULL,
            inbox_id       uuid        NULL,
            consumers      uuid[]      NULL,
            PRIMARY KEY (retry_id, place)
        );
        CREATE INDEX retried_messages_outcome ON messaging.retried_messages (retry_id, outcome, place);
        COMMENT ON COLUMN messaging.retried_messages.failures IS 'Of the dead letter when it was sent: with more of them it has come back.';
        COMMENT ON COLUMN messaging.retried_messages.consumers IS 'Who has to have it in the inbox, under inbox_id, so that it is consumed.';
        """;
}
