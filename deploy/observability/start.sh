#!/bin/sh
# Entry point of Prometheus' container.
set -eu
# Of a service with REPLICAS each has a name, as a container; PROJECT is the first part of it.
for service in ${REPLICATED:-}; do
    each=
    for n in $(seq "$REPLICAS"); do each="$each $service=$PROJECT-$service-$n:9464"; done
    SERVICE_TARGETS=$(printf '%s\n' "$SERVICE_TARGETS" | sed "s/$service=$service:9464/$each/")
done
# The broker's image serves its metrics without TLS at 15692 in any case; with it they have the port beside that one.
[ -z "${TLS:-}" ] || RABBITMQ_TARGETS=$(printf '%s\n' "$RABBITMQ_TARGETS" | sed 's/:15692/:15691/g')
export SERVICE_TARGETS RABBITMQ_TARGETS
config=$(CA=/tls/trusted/ca.crt sh /observability/prometheus.sh /tmp/prometheus)
exec prometheus --config.file="$config" --storage.tsdb.path=/prometheus --storage.tsdb.retention.time=15d
