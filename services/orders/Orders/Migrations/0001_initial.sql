-- Read model: one row per order, for reading by id and by customer. Written with the events.
CREATE TABLE orders (
    id         uuid        PRIMARY KEY,
    user_id    uuid        NOT NULL,
    tenant_id  text,
    status     text        NOT NULL CHECK (status IN ('draft', 'submitted', 'confirmed', 'shipped', 'completed', 'cancelled', 'failed')),
    created_at timestamptz NOT NULL,
    version    bigint      NOT NULL,
    document   jsonb       NOT NULL
);
CREATE INDEX orders_by_user ON orders (user_id, created_at DESC, id DESC);
CREATE INDEX orders_by_time ON orders (created_at DESC, id DESC);
CREATE INDEX orders_by_status ON orders (status, created_at DESC, id DESC);

-- Read model: what was sold, by UTC day. Follows the events. An installation without tenants has the tenant ''.
CREATE TABLE sales_by_day (
    tenant_id text    NOT NULL,
    day       date    NOT NULL,
    currency  text    NOT NULL,
    placed    bigint  NOT NULL DEFAULT 0,
    orders    bigint  NOT NULL DEFAULT 0,
    quantity  bigint  NOT NULL DEFAULT 0,
    revenue   numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, day, currency)
);
CREATE TABLE sales_by_product (
    tenant_id text    NOT NULL,
    day       date    NOT NULL,
    sku       text    NOT NULL,
    currency  text    NOT NULL,
    orders    bigint  NOT NULL DEFAULT 0,
    quantity  bigint  NOT NULL DEFAULT 0,
    revenue   numeric NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, day, sku, currency)
);

-- Local copies of what other services own, fed by their events. Each fact carries the sequence of the event that said it:
-- what is older than what is known is ignored, whatever the order of arrival.
CREATE TABLE catalogue_products (
    sku            text    PRIMARY KEY,
    name           text,
    name_sequence  bigint  NOT NULL DEFAULT -1,
    price          numeric,
    currency       text,
    price_sequence bigint  NOT NULL DEFAULT -1,
    discontinued   boolean NOT NULL DEFAULT false,
    state_sequence bigint  NOT NULL DEFAULT -1
);
CREATE TABLE catalogue_users (
    user_id  uuid   PRIMARY KEY,
    status   text   NOT NULL CHECK (status IN ('active', 'deactivated', 'erased')),
    sequence bigint NOT NULL
);
