#!/bin/sh
# Databases and roles of the services, one for each NAME_DB_PASSWORD of the environment, at every start of either mode: what is there stays, what is missing
# is made, passwords are set as they are now.
# psql finds the server by PGHOST, PGPORT and PGPASSWORD.
set -eu
here=$(dirname "$0")

provision() {    # provision SERVICE PASSWORD MIGRATOR_PASSWORD
    psql --quiet --no-psqlrc --output /dev/null --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set service="$1" --set password="$2" --set migrator_password="$3" --file "$here/provision.sql"
}

for name in $(env | sed -n 's/^\([A-Z]*\)_DB_PASSWORD=.*/\1/p'); do
    eval "provision \"$(printf '%s' "$name" | tr A-Z a-z)\" \"\${${name}_DB_PASSWORD}\" \"\${${name}_DB_MIGRATOR_PASSWORD}\""
done

# Who reads the server's figures for `make observe`, and nothing else.
if [ -n "${POSTGRES_EXPORTER_PASSWORD:-}" ]; then
    psql --quiet --no-psqlrc --output /dev/null --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set password="$POSTGRES_EXPORTER_PASSWORD" --file "$here/exporter.sql"
fi

# The superuser's own, last, since the lines above come in with the one of before; psql hands it over as a variable, so that it may hold any character.
printf '%s\n' "ALTER ROLE :\"superuser\" PASSWORD :'password';" |
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
        --set superuser="${POSTGRES_USER:-postgres}" --set password="$POSTGRES_PASSWORD" --file -
