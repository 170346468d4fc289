#!/bin/sh
# Entry point of the database's container: its settings are read at every start.
set -eu
data=${PGDATA:-/var/lib/postgresql/data}
# A first start that was cut off has left files on which no server has ever run and which hold no database of anybody: PostgreSQL would neither use nor replace them.
if [ -s "$data/PG_VERSION" ] && [ ! -e "$data/postmaster.opts" ] && ! ls "$data/base" 2>/dev/null | grep -qE '^[0-9]{5,}$'; then
    find "$data" -mindepth 1 -delete
fi
# Copied by root, since the server runs as another user, who may not be allowed to read the files of whoever cloned them.
install -m 644 /provision/postgresql.conf /etc/postgresql-shop.conf
set -- -c config_file=/etc/postgresql-shop.conf -c "listen_addresses=*"
if [ -n "${POSTGRES_REPLICA:-}" ]; then
    # The first server, after the copy has taken over: what it has is of a time before.
    if [ -z "${FOLLOWS:-}" ] && [ "$(PGPASSWORD=$POSTGRES_PASSWORD PGCONNECT_TIMEOUT=2 psql -XtA -h postgres-replica -U postgres -d postgres \
        -c 'SELECT NOT pg_is_in_recovery()' 2>/dev/null)" = t ]; then
        echo 'postgres-replica has taken over, and this server would be a second one that takes writes: docs/operate/the-database-has-failed-over.md' >&2
        exit 1
    fi
    # The image's own rules let nobody from outside follow.
    printf 'local all all trust\nhost all,replication all 127.0.0.1/32 trust\nhost all,replication all ::1/128 trust\nhost all,replication all all scram-sha-256\n' >/etc/postgresql-hba.conf
    set -- "$@" -c hba_file=/etc/postgresql-hba.conf
fi
if [ -n "${TLS:-}" ]; then
    tls=/etc/postgresql-tls
    install -d -o postgres -m 700 "$tls"
    install -o postgres -m 600 /tls/server.key /tls/server.crt "$tls"
    { printf 'local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n'; cat /provision/pg_hba_tls.conf; } >"$tls/pg_hba.conf"
    chown postgres "$tls/pg_hba.conf"
    set -- "$@" -c ssl=on -c "ssl_cert_file=$tls/server.crt" -c "ssl_key_file=$tls/server.key" -c "hba_file=$tls/pg_hba.conf"
fi
exec docker-entrypoint.sh postgres "$@"
