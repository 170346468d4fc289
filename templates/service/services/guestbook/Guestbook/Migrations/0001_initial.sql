CREATE TABLE notes (
    id        uuid PRIMARY KEY,
    tenant_id text,
    user_id   uuid NOT NULL,
    order_id  uuid UNIQUE,
    text      text NOT NULL CHECK (length(text) BETWEEN 1 AND 500),
    added_at  timestamptz NOT NULL
);

CREATE INDEX notes_by_user ON notes (user_id, id);

-- Of whom nothing is stored any more, whatever arrives late.
CREATE TABLE erased_users (
    user_id   uuid PRIMARY KEY,
    erased_at timestamptz NOT NULL
);
