#!/usr/bin/env bash
# make failover: the database's server is made sure to be dead, and its copy (POSTGRES_REPLICA) takes over. The services find it by themselves.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
choose_mode
[ -n "${POSTGRES_REPLICA:-}" ] || die "There is no copy of the database." "POSTGRES_REPLICA=sync in .env, and make up, makes one."
if [ "$MODE" = docker ]; then
    replica() { docker compose exec -T --user postgres postgres-replica psql --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --host 127.0.0.1 --username postgres --command "$1"; }
    docker compose kill --signal KILL postgres
    replica "ALTER SYSTEM SET synchronous_standby_names = ''"
    replica 'SELECT pg_promote()' >/dev/null
    replica 'SELECT pg_reload_conf()' >/dev/null
else
    . "$ROOT/deploy/local/infrastructure.sh"
    take_lock
    fail_over
fi
ok "the copy has taken over, at port $POSTGRES_REPLICA_PORT"
