#!/bin/sh
# Entry point of the copy's container: made from the server that it FOLLOWS, where it has no data yet; then it is started like that one.
set -eu
data=${PGDATA:-/var/lib/postgresql/data}
if [ ! -s "$data/PG_VERSION" ]; then
    find "$data" -mindepth 1 -delete
    export PGPASSWORD="$POSTGRES_PASSWORD"
    server="host=$FOLLOWS user=postgres application_name=replica"
    [ -z "${TLS:-}" ] || server="$server sslmode=verify-full sslrootcert=/tls/trusted/ca.crt"
    psql --quiet --no-psqlrc --output /dev/null --dbname "$server dbname=postgres" \
        --command "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'replica' AND NOT active"
    pg_basebackup --pgdata "$data" --dbname "$server" --checkpoint fast --wal-method stream --write-recovery-conf --create-slot --slot replica
    chown -R postgres:postgres "$data"
    chmod 700 "$data"
    # Commits wait for this one by its name, or for nobody.
    [ "${POSTGRES_REPLICA:-}" != sync ] || wanted=replica
    psql --quiet --no-psqlrc --output /dev/null --dbname "$server dbname=postgres" \
        --command "ALTER SYSTEM SET synchronous_standby_names = '${wanted:-}'" --command 'SELECT pg_reload_conf()'
    unset PGPASSWORD
fi
exec sh /provision/start.sh
