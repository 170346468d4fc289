#!/bin/sh
# The settings of Redis, with its password (REDIS_PASSWORD) in them: render.sh ADDRESS PORT [TLS_FOLDER [PORT_IN_THE_CLEAR]]
# With a folder of server.crt, server.key and trusted/ca.crt the port speaks TLS and nothing else.
set -eu
address=${1:?address} port=${2:?port} tls=${3:-} clear=${4:-0}
cat "$(dirname "$0")/redis.conf"
printf 'bind %s\nmaxmemory %s\n' "$address" "${REDIS_MEMORY:-64mb}"
printf 'requirepass "%s"\n' "$(printf '%s' "${REDIS_PASSWORD:?}" | sed 's/[\\"]/\\&/g')"
if [ -n "$tls" ]; then
    printf 'port %s\ntls-port %s\ntls-auth-clients no\n' "$clear" "$port"
    printf 'tls-cert-file "%s/server.crt"\ntls-key-file "%s/server.key"\ntls-ca-cert-file "%s/trusted/ca.crt"\n' "$tls" "$tls" "$tls"
else
    printf 'port %s\n' "$port"
fi
