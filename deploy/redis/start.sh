#!/bin/sh
# Redis in its container: its settings, and with TLS=true the key, lie where nobody but its own user reads them, and go with the container.
set -eu
umask 077
mkdir -p /tmp/redis
if [ -n "${TLS:-}" ]; then
    cp -R /tls/. /tmp/redis/
    sh /provision/render.sh '* -::*' 6379 /tmp/redis >/tmp/redis/redis.conf
else
    sh /provision/render.sh '* -::*' 6379 >/tmp/redis/redis.conf
fi
chown -R redis /tmp/redis
exec docker-entrypoint.sh redis-server /tmp/redis/redis.conf
