-- What is true of every account now. An erased account keeps its row, so that its id is never given again, and nothing of the person.
CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    tenant_id     text        NULL,
    email         text        NULL,
    full_name     text        NULL,
    password_hash text        NULL,
    role          text        NOT NULL CHECK (role IN ('customer', 'operator')),
    status        text        NOT NULL CHECK (status IN ('active', 'deactivated', 'erased')),
    source        text        NOT NULL,
    registered_at timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    version       bigint      NOT NULL,
    CHECK ((status = 'erased') = (email IS NULL)),
    CHECK (status <> 'erased' OR (full_name IS NULL AND password_hash IS NULL))
);
CREATE UNIQUE INDEX users_email ON users (email);

-- The key under which a person's data lies in the history. Erasure destroys it.
CREATE TABLE user_keys (
    user_id     uuid  PRIMARY KEY,
    wrapped_key bytea NOT NULL
);

-- The history: every core event, append-only. Personal values are sealed with the user's key.
CREATE TABLE user_events (
    event_id      uuid        PRIMARY KEY,
    user_id       uuid        NOT NULL,
    tenant_id     text        NULL,
    version       bigint      NOT NULL,
    event_type    text        NOT NULL,
    event_version integer     NOT NULL,
    payload       jsonb       NOT NULL,
    personal      bytea       NULL,
    metadata      jsonb       NOT NULL,
    occurred_at   timestamptz NOT NULL,
    UNIQUE (user_id, version)
);
CREATE INDEX user_events_type ON user_events (event_type, occurred_at);

-- Read model: the list that operators page and search through.
CREATE TABLE user_list (
    id            uuid        PRIMARY KEY,
    tenant_id     text        NULL,
    email         text        NOT NULL,
    full_name     text        NOT NULL,
    search_text   text        NOT NULL,
    status        text        NOT NULL,
    source        text        NOT NULL,
    registered_at timestamptz NOT NULL,
    version       bigint      NOT NULL
);
CREATE INDEX user_list_status ON user_list (status, id DESC);

-- Refresh tokens, by hash. A family is one sign-in; a token that comes back after its use revokes it.
CREATE TABLE refresh_tokens (
    token_hash bytea       PRIMARY KEY,
    family_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    client_id  text        NOT NULL,
    issued_at  timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    family_expires_at timestamptz NOT NULL,
    used_at    timestamptz NULL,
    revoked_at timestamptz NULL
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family_id);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Keys that sign access tokens. The private half is encrypted with the master secret.
CREATE TABLE signing_keys (
    key_id      text        PRIMARY KEY,
    x           bytea       NOT NULL,
    y           bytea       NOT NULL,
    private_key bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    signs_from  timestamptz NOT NULL
);

-- Failed sign-ins by account and by address, under keyed hashes.
CREATE TABLE sign_in_failures (
    bucket        bytea       PRIMARY KEY,
    failures      integer     NOT NULL,
    last_failure  timestamptz NOT NULL,
    blocked_until timestamptz NULL
);
CREATE INDEX sign_in_failures_age ON sign_in_failures (last_failure);
