-- Products: what can be ordered. The recipe is fixed when the product is added, so its parts are kept expanded beside it.
-- Skus collate as bytes: the same order in the database and in the program, which is the order in which stock rows are locked.

CREATE TABLE products (
    sku             text COLLATE "C" PRIMARY KEY CHECK (sku ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'),
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    price_amount    numeric NOT NULL CHECK (price_amount > 0),
    price_currency  text NOT NULL CHECK (price_currency ~ '^[A-Z]{3}$'),
    reorder_point   integer CHECK (reorder_point >= 0),
    is_composite    boolean NOT NULL,
    status          text NOT NULL CHECK (status IN ('active', 'discontinued')),
    version         integer NOT NULL CHECK (version > 0),
    added_at        timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    discontinued_at timestamptz,
    CHECK ((status = 'discontinued') = (discontinued_at IS NOT NULL))
);

-- The recipe as the operator wrote it.
CREATE TABLE product_components (
    sku           text COLLATE "C" NOT NULL REFERENCES products,
    component_sku text COLLATE "C" NOT NULL REFERENCES products,
    quantity      integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    position      integer NOT NULL,
    PRIMARY KEY (sku, component_sku),
    CHECK (sku <> component_sku)
);

-- The recipe down to the pieces that lie on a shelf. A product without recipe is its own part.
CREATE TABLE product_parts (
    sku      text COLLATE "C" NOT NULL REFERENCES products,
    part_sku text COLLATE "C" NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
    PRIMARY KEY (sku, part_sku)
);

-- Every change of a product, for ever.
CREATE TABLE product_history (
    sku            text COLLATE "C" NOT NULL REFERENCES products,
    version        integer NOT NULL CHECK (version > 0),
    event_id       uuid NOT NULL UNIQUE,
    event_type     text NOT NULL,
    payload        jsonb NOT NULL,
    occurred_at    timestamptz NOT NULL,
    correlation_id text,
    user_id        text,
    PRIMARY KEY (sku, version)
);

-- Stock: one row for each product that lies on a shelf, that is, has no recipe.
-- version counts the movements. The free space keeps updates of a busy row on its page.
CREATE TABLE stock (
    sku           text COLLATE "C" PRIMARY KEY REFERENCES products,
    received      bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    adjusted      bigint NOT NULL DEFAULT 0,
    on_hand       integer NOT NULL DEFAULT 0,
    reserved      integer NOT NULL DEFAULT 0,
    shipped       bigint NOT NULL DEFAULT 0 CHECK (shipped >= 0),
    reorder_point integer,
    version       integer NOT NULL DEFAULT 0 CHECK (version >= 0),
    CONSTRAINT nothing_is_oversold CHECK (reserved >= 0 AND on_hand >= reserved),
    CONSTRAINT every_piece_is_accounted_for CHECK (received + adjusted = on_hand + shipped)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);

-- The ledger: what moved, and the figures after it. A row is written by the statement that changes the stock row, under its lock;
-- the version makes it gapless, and the constraint allows only what each kind of movement means.
CREATE TABLE movements (
    sku             text COLLATE "C" NOT NULL,
    version         integer NOT NULL CHECK (version > 0),
    kind            text NOT NULL,
    quantity        integer NOT NULL,
    on_hand_change  integer NOT NULL,
    reserved_change integer NOT NULL,
    shipped_change  integer NOT NULL,
    on_hand         integer NOT NULL,
    reserved        integer NOT NULL,
    shipped         bigint NOT NULL,
    order_id        uuid,
    reference       text,
    occurred_at     timestamptz NOT NULL,
    correlation_id  text,
    user_id         text,
    PRIMARY KEY (sku, version),
    CONSTRAINT a_movement_does_what_its_kind_says CHECK (CASE kind
        WHEN 'receipt'     THEN quantity > 0 AND on_hand_change = quantity AND reserved_change = 0 AND shipped_change = 0
        WHEN 'adjustment'  THEN quantity <> 0 AND on_hand_change = quantity AND reserved_change = 0 AND shipped_change = 0
        WHEN 'reservation' THEN quantity > 0 AND on_hand_change = 0 AND reserved_change = quantity AND shipped_change = 0 AND order_id IS NOT NULL
        WHEN 'release'     THEN quantity > 0 AND on_hand_change = 0 AND reserved_change = -quantity AND shipped_change = 0 AND order_id IS NOT NULL
        WHEN 'shipment'    THEN quantity > 0 AND on_hand_change = -quantity AND reserved_change = -quantity AND shipped_change = quantity AND order_id IS NOT NULL
        ELSE false END)
);

-- Reservations: one for each order, for ever. A released one refuses a reservation that arrives late.
-- items is what was ordered, lines the parts that are set aside for it.
CREATE TABLE reservations (
    order_id    uuid PRIMARY KEY,
    tenant_id   text,
    status      text NOT NULL CHECK (status IN ('reserved', 'shipping', 'shipped', 'released', 'failed')),
    items       jsonb NOT NULL,
    lines       jsonb NOT NULL,
    shortages   jsonb,
    reason      text,
    has_recipes boolean NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    created_at  timestamptz NOT NULL,
    reserved_at timestamptz,
    expires_at  timestamptz,
    ended_at    timestamptz,
    CHECK ((status IN ('released', 'failed')) <= (reason IS NOT NULL))
) WITH (fillfactor = 80);

CREATE INDEX reservations_to_expire ON reservations (expires_at) WHERE status = 'reserved';
CREATE INDEX reservations_of_recipes ON reservations USING gin (items jsonb_path_ops) WHERE has_recipes AND status IN ('reserved', 'shipping', 'shipped');

-- Shipments: one for each order at most. The address is personal data and goes when the customer is erased.
CREATE TABLE shipments (
    id              uuid PRIMARY KEY,
    order_id        uuid NOT NULL UNIQUE REFERENCES reservations,
    tenant_id       text,
    user_id         uuid,
    status          text NOT NULL CHECK (status IN ('pending', 'dispatched', 'cancelled')),
    items           jsonb NOT NULL,
    pick_list       jsonb NOT NULL,
    address         jsonb,
    carrier         text,
    tracking_number text,
    version         integer NOT NULL CHECK (version > 0),
    created_at      timestamptz NOT NULL,
    dispatched_at   timestamptz,
    cancelled_at    timestamptz,
    CHECK ((status = 'dispatched') = (dispatched_at IS NOT NULL AND carrier IS NOT NULL AND tracking_number IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_at IS NOT NULL))
);

CREATE INDEX shipments_by_status ON shipments (status, id);
CREATE INDEX shipments_by_user ON shipments (user_id) WHERE address IS NOT NULL;

-- Customers whose parcel was still to be sent when they were erased: their address goes with the parcel.
CREATE TABLE erased_users (
    user_id   uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
