#!/bin/sh
# Databases and roles of the four services. The container runs it on its first start (docker-entrypoint-initdb.d),
# deploy/local on every start; psql finds the server by PGHOST, PGPORT and PGUSER.
set -eu
here=${PROVISION_DIR:-$(dirname "$0")}

provision() {    # provision SERVICE PASSWORD MIGRATOR_PASSWORD
    psql --quiet --no-psqlrc --output /dev/null --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set service="$1" --set password="$2" --set migrator_password="$3" --file "$here/provision.sql"
}

provision users "$USERS_DB_PASSWORD" "$USERS_DB_MIGRATOR_PASSWORD"
provision orders "$ORDERS_DB_PASSWORD" "$ORDERS_DB_MIGRATOR_PASSWORD"
provision inventory "$INVENTORY_DB_PASSWORD" "$INVENTORY_DB_MIGRATOR_PASSWORD"
provision notifications "$NOTIFICATIONS_DB_PASSWORD" "$NOTIFICATIONS_DB_MIGRATOR_PASSWORD"
