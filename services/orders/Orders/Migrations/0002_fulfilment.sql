-- The fulfilment saga: one row per order, kept when it is through.
CREATE TABLE fulfilments (
    order_id           uuid        PRIMARY KEY,
    state              text        NOT NULL,
    user_id            uuid        NOT NULL,
    tenant_id          text,
    items              jsonb       NOT NULL,
    amount             numeric     NOT NULL,
    currency           text        NOT NULL,
    payment_method     text        NOT NULL,
    address            jsonb,
    authorized         boolean     NOT NULL,
    shipment_id        uuid,
    carrier            text,
    tracking_number    text,
    ending             text        CHECK (ending IN ('failed', 'cancelled')),
    reason             text,
    refunded           boolean     NOT NULL,
    attempt            integer     NOT NULL,
    deadline_token_id  uuid,
    started_at         timestamptz NOT NULL,
    changed_at         timestamptz NOT NULL,
    finished_at        timestamptz,
    steps              jsonb       NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX fulfilments_unfinished ON fulfilments (state, changed_at) WHERE finished_at IS NULL;
CREATE INDEX fulfilments_user ON fulfilments (user_id);

-- One payment per order. "operation" is what is being asked of the provider; without it nothing is under way.
CREATE TABLE payments (
    id                       uuid        PRIMARY KEY,
    order_id                 uuid        NOT NULL UNIQUE,
    user_id                  uuid        NOT NULL,
    tenant_id                text,
    amount                   numeric     NOT NULL CHECK (amount >= 0),
    currency                 text        NOT NULL,
    payment_method           text        NOT NULL,
    status                   text        NOT NULL CHECK (status IN ('pending', 'authorized', 'captured', 'declined', 'voided', 'refunded')),
    operation                text        CHECK (operation IN ('authorize', 'capture', 'void', 'refund')),
    attempts                 integer     NOT NULL,
    authorization_attempted  boolean     NOT NULL,
    provider_reference       text,
    decline_code             text,
    unknown_reason           text,
    version                  integer     NOT NULL,
    created_at               timestamptz NOT NULL,
    updated_at               timestamptz NOT NULL,
    authorized_at            timestamptz,
    captured_at              timestamptz,
    declined_at              timestamptz,
    voided_at                timestamptz,
    refunded_at              timestamptz
) WITH (fillfactor = 80);

CREATE INDEX payments_user ON payments (user_id, id DESC);
CREATE UNIQUE INDEX payments_provider_reference ON payments (provider_reference) WHERE provider_reference <> 'free';
