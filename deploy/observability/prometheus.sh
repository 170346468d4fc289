#!/bin/sh
# prometheus.sh FOLDER: makes Prometheus' configuration there and prints its path. SERVICE_TARGETS are JOB=HOST:PORT, separated by blanks; RABBITMQ_TARGET,
# POSTGRES_TARGET and ALERTMANAGER_TARGET are HOST:PORT; with TLS=true, CA is the file of the authority.
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
for target in $SERVICE_TARGETS; do
    printf -- '- targets: ["%s"]\n  labels: { job: "%s", __scheme__: "%s" }\n' "${target#*=}" "${target%%=*}" "$scheme"
done >"$folder/services.yml"
printf -- '- targets: ["%s"]\n  labels: { __scheme__: "%s" }\n' "$RABBITMQ_TARGET" "$scheme" >"$folder/rabbitmq.yml"
printf -- '- targets: ["%s"]\n' "$POSTGRES_TARGET" >"$folder/postgres.yml"
printf -- '- targets: ["%s"]\n' "$ALERTMANAGER_TARGET" >"$folder/alertmanagers.yml"
printf '%s/prometheus.yml' "$folder"
