#!/bin/sh
# Entry point of Prometheus' container.
set -eu
# The broker's image serves its metrics without TLS at 15692 in any case; with it they have the port beside that one.
[ -z "${TLS:-}" ] || export RABBITMQ_TARGET=rabbitmq:15691
config=$(CA=/tls/trusted/ca.crt sh /observability/prometheus.sh /tmp/prometheus)
exec prometheus --config.file="$config" --storage.tsdb.path=/prometheus --storage.tsdb.retention.time=15d
