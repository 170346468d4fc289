#!/bin/sh
# Entry point of the broker's container: users, rights, policies and exchanges are read at every start.
set -eu
# Copied by root, since the server runs as another user, who may not be allowed to read the files of whoever cloned them.
install -m 644 /provision/rabbitmq.conf /etc/rabbitmq/conf.d/50-shop.conf
install -m 644 /provision/container.conf /etc/rabbitmq/conf.d/60-container.conf
# Those of the image, and one for queues that keep the order of a key (docs/how-to/keep-the-order-of-a-key.md).
printf '[rabbitmq_management,rabbitmq_prometheus,rabbitmq_consistent_hash_exchange].\n' >/etc/rabbitmq/enabled_plugins
# A node of several: it joins whoever of them runs, and is known to them by a cookie that all who know the administrator's password can make.
if [ -n "${CLUSTER:-}" ]; then
    { cat /provision/cluster.conf; printf '%s\n' $RABBITMQ_NODES | awk '{ printf "cluster_formation.classic_config.nodes.%d = rabbit@%s\n", NR, $1 }'; } >/etc/rabbitmq/conf.d/65-cluster.conf
    chmod 644 /etc/rabbitmq/conf.d/65-cluster.conf
    cookie=/var/lib/rabbitmq/.erlang.cookie
    rm -f "$cookie"
    printf 'shop %s' "$RABBITMQ_PASSWORD" | sha256sum | cut -c 1-40 | tr -d '\n' >"$cookie"
    chmod 400 "$cookie"
    chown rabbitmq:rabbitmq "$cookie"
fi
umask 077
mkdir -p /tmp/broker
sh /provision/render.sh >/tmp/broker/definitions.json
if [ -n "${TLS:-}" ]; then
    install -m 600 /tls/server.key /tls/server.crt /tls/trusted/ca.crt /tmp/broker
    sh /provision/tls.sh /tmp/broker/ 5672 15672 15691 >/etc/rabbitmq/conf.d/70-tls.conf
    chmod 644 /etc/rabbitmq/conf.d/70-tls.conf
fi
[ "$(id -u)" != 0 ] || chown -R rabbitmq:rabbitmq /tmp/broker
exec docker-entrypoint.sh rabbitmq-server
