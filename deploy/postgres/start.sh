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
exec docker-entrypoint.sh postgres -c config_file=/etc/postgresql-shop.conf -c "listen_addresses=*"
