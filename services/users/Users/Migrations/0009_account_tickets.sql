-- What is mailed to the owner of an account and lets in whoever has it, once: under its hash, until it expires.
CREATE TABLE account_tickets (
    ticket_hash bytea       PRIMARY KEY,
    user_id     uuid        NOT NULL,
    purpose     text        NOT NULL,
    issued_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX account_tickets_user ON account_tickets (user_id);
CREATE INDEX account_tickets_age ON account_tickets (expires_at);
