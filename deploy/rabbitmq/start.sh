#!/bin/sh
# Entry point of the broker's container: users, rights, policies and exchanges are read at every start.
set -eu
umask 077
mkdir -p /tmp/broker
sh /provision/render.sh >/tmp/broker/definitions.json
[ "$(id -u)" != 0 ] || chown -R rabbitmq:rabbitmq /tmp/broker
exec docker-entrypoint.sh rabbitmq-server
