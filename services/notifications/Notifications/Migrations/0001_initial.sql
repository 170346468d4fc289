-- The service's own copy of whom to write to. A row without an e-mail address is known from a later event only;
-- a row with erased_at is a tombstone that keeps late events from bringing the person back.
CREATE TABLE contacts (
    user_id         uuid PRIMARY KEY,
    tenant_id       text,
    email           text,
    email_version   bigint NOT NULL DEFAULT -1,
    full_name       text,
    name_version    bigint NOT NULL DEFAULT -1,
    locale          text,
    locale_version  bigint NOT NULL DEFAULT -1,
    active          boolean NOT NULL DEFAULT true,
    active_version  bigint NOT NULL DEFAULT -1,
    erased_at       timestamptz,
    updated_at      timestamptz NOT NULL
);

-- Mails that a user does not want. Everything that is not listed is wanted.
CREATE TABLE notification_preferences (
    user_id       uuid PRIMARY KEY,
    switched_off  text[] NOT NULL DEFAULT '{}',
    version       bigint NOT NULL DEFAULT 1,
    updated_at    timestamptz NOT NULL
);

-- One row per cause, template and audience: the cause is the event's id, or the order or user to whom it can happen only once.
-- The row is the mail's queue entry as well: due_at says when a sender may claim it,
-- and a claim moves due_at to the end of its lease.
CREATE TABLE mails (
    id            uuid PRIMARY KEY,
    cause         text NOT NULL,
    event_id      text NOT NULL,
    event_type    text NOT NULL,
    template      text NOT NULL,
    audience      text NOT NULL,
    user_id       uuid,
    order_id      uuid,
    tenant_id     text,
    recipient     text,
    locale        text,
    data          jsonb NOT NULL,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'failed', 'suppressed')),
    attempts      integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at        timestamptz NOT NULL,
    claim         uuid,
    last_error    text,
    created_at    timestamptz NOT NULL,
    completed_at  timestamptz,
    UNIQUE (cause, template, audience)
);
CREATE INDEX mails_due ON mails (due_at) WHERE status = 'pending';
CREATE INDEX mails_of_user ON mails (user_id, id DESC);
CREATE INDEX mails_of_order ON mails (order_id, id DESC) WHERE order_id IS NOT NULL;

CREATE TABLE webhooks (
    id                   uuid PRIMARY KEY,
    tenant_id            text,
    url                  text NOT NULL,
    event_types          text[] NOT NULL,
    description          text,
    status               text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'disabled')),
    disabled_reason      text,
    disabled_at          timestamptz,
    consecutive_failures integer NOT NULL DEFAULT 0,
    failing_since        timestamptz,
    paused_until         timestamptz,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    version              bigint NOT NULL DEFAULT 1
);

CREATE TABLE webhook_secrets (
    id          uuid PRIMARY KEY,
    webhook_id  uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    secret      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz
);
CREATE INDEX webhook_secrets_of_webhook ON webhook_secrets (webhook_id, created_at DESC);

-- The exact bytes that every subscriber gets, on every attempt.
CREATE TABLE webhook_events (
    event_id     text PRIMARY KEY,
    event_type   text NOT NULL,
    subject      text,
    body         bytea NOT NULL,
    received_at  timestamptz NOT NULL
);
CREATE INDEX webhook_events_of_subject ON webhook_events (subject);
CREATE INDEX webhook_events_by_age ON webhook_events (received_at);

-- One row per subscription and event; step is the position in the retry schedule, attempts counts all that were made.
CREATE TABLE webhook_deliveries (
    id            uuid PRIMARY KEY,
    webhook_id    uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    event_id      text NOT NULL REFERENCES webhook_events ON DELETE CASCADE,
    status        text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'succeeded', 'failed', 'cancelled')),
    step          integer NOT NULL DEFAULT 0,
    attempts      integer NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL,
    claim         uuid,
    created_at    timestamptz NOT NULL,
    completed_at  timestamptz,
    UNIQUE (webhook_id, event_id)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at) WHERE status = 'pending';
CREATE INDEX webhook_deliveries_of_webhook ON webhook_deliveries (webhook_id, id DESC);
CREATE INDEX webhook_deliveries_of_event ON webhook_deliveries (event_id);

CREATE TABLE webhook_attempts (
    id                uuid PRIMARY KEY,
    delivery_id       uuid NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
    webhook_id        uuid NOT NULL,
    number            integer NOT NULL,
    started_at        timestamptz NOT NULL,
    latency_ms        double precision NOT NULL,
    status_code       integer,
    error             text,
    response_excerpt  text
);
CREATE INDEX webhook_attempts_of_delivery ON webhook_attempts (delivery_id, number);
CREATE INDEX webhook_attempts_by_time ON webhook_attempts (webhook_id, started_at);

-- Queue tables change every row several times: keep room on the page for it, and clean up early.
ALTER TABLE mails SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
ALTER TABLE webhook_deliveries SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
