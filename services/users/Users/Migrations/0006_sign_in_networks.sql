-- From where the owner of an account has signed in, under keyed hashes: strangers who guess at it from elsewhere do not keep the owner out.
CREATE TABLE sign_in_networks (
    bucket       bytea       PRIMARY KEY,
    last_success timestamptz NOT NULL
);
CREATE INDEX sign_in_networks_age ON sign_in_networks (last_success);
