-- The role of PostgreSQL's exporter: it sees the server's statistics and no data. Idempotent. psql variable: password
\set ON_ERROR_STOP on

SELECT 'CREATE ROLE exporter LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exporter') \gexec

ALTER ROLE exporter LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT CONNECTION LIMIT 5 PASSWORD :'password';
GRANT pg_monitor TO exporter;
GRANT CONNECT ON DATABASE postgres TO exporter;
