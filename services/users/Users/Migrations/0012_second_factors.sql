-- The secret that an account's app makes its one-time codes from, sealed, and the step of the last code that was used: none is good twice.
CREATE TABLE second_factors (
    user_id   uuid   PRIMARY KEY,
    secret    bytea  NOT NULL,
    last_step bigint NOT NULL
);

-- For who has lost the app: each is good once. Under its hash.
CREATE TABLE recovery_codes (
    user_id   uuid  NOT NULL,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

ALTER TABLE users ADD COLUMN second_factor_since timestamptz;
