-- One service's database: an owner that runs migrations, a runtime role that may only connect (the migrations grant it
-- the rest, table by table), and nobody else. Idempotent: run it as often as you like; it also sets changed passwords.
-- psql variables: service, password, migrator_password
\set ON_ERROR_STOP on
\set migrator :service _migrator

SELECT format('CREATE ROLE %I LOGIN', name)
FROM (VALUES (:'service'), (:'migrator')) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE :"service" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD :'password';
ALTER ROLE :"migrator" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'migrator_password';

SELECT format('CREATE DATABASE %I OWNER %I', :'service', :'migrator')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec

REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"service";
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;

-- A connection that was forgotten in a transaction must not hold row locks and the vacuum horizon for ever.
ALTER ROLE :"service" SET idle_in_transaction_session_timeout = '60s';
