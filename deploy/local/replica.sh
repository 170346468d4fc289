# A second PostgreSQL that follows the first by streaming, and takes over when it is told to (docs/adr/0043-a-database-that-fails-over.md). Sourced.
# POSTGRES_REPLICA: async, or sync, with which a commit is answered when both have it on their disks.
# shellcheck shell=bash

# is_primary DIRECTORY: whether what is there has taken over once, or never followed anybody
is_primary() { [ -s "$1/PG_VERSION" ] && [ ! -e "$1/standby.signal" ]; }

primary_port() { if is_primary "$(postgres_home)/replica"; then printf '%s' "$POSTGRES_REPLICA_PORT"; else printf '%s' "$POSTGRES_PORT"; fi; }

# postgres_sql PORT SQL: as the superuser
postgres_sql() { PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=5 "$(postgres_bin)/psql" --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "$1" --username postgres --dbname postgres --command "$2"; }

# follow_postgres PROCESS DIRECTORY PORT FROM_PORT: a server there that follows the one at FROM_PORT, made from it where there is none yet
follow_postgres() {
    local process=$1 data=$PGHOME/$2 port=$3 from=$4 bin
    bin=$(postgres_bin)
    if [ ! -e "$data/standby.signal" ]; then
        rm -rf "$data" "$data.new"
        postgres_sql "$from" "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'replica' AND NOT active" >/dev/null
        (cd / && PGPASSWORD=$POSTGRES_PASSWORD as_postgres "$bin/pg_basebackup" --pgdata "$data.new" --dbname "host=127.0.0.1 port=$from user=postgres application_name=replica" \
            --checkpoint fast --wal-method stream --write-recovery-conf --create-slot --slot replica) >"$STATE/logs/$process-copy.log" 2>&1 || {
            tail -n 5 "$STATE/logs/$process-copy.log" >&2
            die "The server could not be copied, see $STATE/logs/$process-copy.log."
        }
        mv "$data.new" "$data"                          # a directory of that name is complete
    fi
    serve_postgres "$process" "$data" "$port"
}

replica_ready() { PGCONNECT_TIMEOUT=2 "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_REPLICA_PORT" -U postgres -d postgres; }

start_replica() {
    local from
    PGHOME=$(postgres_home)
    from=$(primary_port)
    if ! alive postgres-replica; then
        need_port POSTGRES_REPLICA_PORT "the replica of PostgreSQL"
        follow_postgres postgres-replica replica "$POSTGRES_REPLICA_PORT" "$from"
    fi
    # By name, so that commits wait for this one and for nobody when there is none.
    wait_until 60 "The replica of PostgreSQL" - follows "$from"
    postgres_sql "$from" "ALTER SYSTEM SET synchronous_standby_names = '$([ "$POSTGRES_REPLICA" != sync ] || echo replica)'" >/dev/null
    postgres_sql "$from" 'SELECT pg_reload_conf()' >/dev/null
}

follows() { [ "$(postgres_sql "$1" "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'replica' AND state = 'streaming'" 2>/dev/null)" = 1 ]; }

# The primary is made sure to be dead, and the replica takes over at its own port. It waits for nobody: there is no copy of it yet.
fail_over() {
    PGHOME=$(postgres_home)
    alive postgres-replica || die "There is no replica of PostgreSQL that could take over." "POSTGRES_REPLICA=sync make up starts one."
    ! is_primary "$PGHOME/replica" || die "The replica has taken over already."
    stop postgres KILL 5
    postgres_sql "$POSTGRES_REPLICA_PORT" "ALTER SYSTEM SET synchronous_standby_names = ''" >/dev/null
    (cd / && as_postgres "$(postgres_bin)/pg_ctl" promote --wait --pgdata "$PGHOME/replica") >"$STATE/logs/postgres-promote.log" 2>&1 || {
        tail -n 5 "$STATE/logs/postgres-promote.log" >&2
        die "The replica could not be promoted, see $STATE/logs/postgres-promote.log."
    }
    postgres_sql "$POSTGRES_REPLICA_PORT" 'SELECT pg_reload_conf()' >/dev/null
}
