#!/bin/sh
# prometheus.sh FOLDER: makes Prometheus' configuration there and prints its path. SERVICE_TARGETS are SERVICE=HOST:PORT, RABBITMQ_TARGETS are HOST:PORT, separated
# by blanks; POSTGRES_TARGET and ALERTMANAGER_TARGET are HOST:PORT; with TLS=true, CA is the file of the authority.
set -eu
here=$(dirname "$0")
folder=$1
rm -rf "$folder"
mkdir -p "$folder"
cp -R "$here/rules" "$folder/"
if [ -n "${TLS:-}" ]; then
    scheme=https
    cp "$CA" "$folder/ca.crt"
    cat "$here/prometheus.yml"
else
    scheme=http
    sed '/# TLS$/d' "$here/prometheus.yml"
fi >"$folder/prometheus.yml"
for target in $RABBITMQ_TARGETS; do
    printf -- '- targets: ["%s"]\n  labels: { __scheme__: "%s" }\n' "$target" "$scheme"
done >"$folder/rabbitmq.yml"
# Each service is a job, with each of its replicas: whatever the name of a replica is, its certificate is made out to the service.
for service in $(printf '%s\n' $SERVICE_TARGETS | sed 's/=.*//' | sort -u); do
    for target in $SERVICE_TARGETS; do
        [ "${target%%=*}" != "$service" ] || printf -- '- targets: ["%s"]\n  labels: { __scheme__: "%s" }\n' "${target#*=}" "$scheme"
    done >"$folder/$service.service.yml"
    printf '\n  - job_name: %s\n    file_sd_configs: [{ files: [%s.service.yml] }]\n' "$service" "$service"
    # Which library has an instrument says nothing that its name does not.
    printf '    metric_relabel_configs: [{ action: labeldrop, regex: otel_scope_.* }]\n'
    [ -z "${TLS:-}" ] || printf '    tls_config: { ca_file: ca.crt, server_name: %s }\n' "$service"
done >>"$folder/prometheus.yml"
printf -- '- targets: ["%s"]\n' "$POSTGRES_TARGET" >"$folder/postgres.yml"
printf -- '- targets: ["%s"]\n' "$ALERTMANAGER_TARGET" >"$folder/alertmanagers.yml"
printf '%s/prometheus.yml' "$folder"
