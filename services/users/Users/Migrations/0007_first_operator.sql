-- One row once the installation has had its first operator: the configuration makes it once, and never again.
CREATE TABLE first_operator (
    made_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX first_operator_once ON first_operator ((true));
INSERT INTO first_operator (made_at) SELECT min(registered_at) FROM users WHERE role = 'operator' HAVING count(*) > 0;
