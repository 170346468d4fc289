#!/bin/sh
# Entry point of Prometheus' container.
set -eu
config=$(CA=/tls/trusted/ca.crt sh /observability/prometheus.sh /tmp/prometheus)
exec prometheus --config.file="$config" --storage.tsdb.path=/prometheus --storage.tsdb.retention.time=15d
