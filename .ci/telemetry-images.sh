#!/usr/bin/env bash
# Where no registry of images can be reached: images for `make observe` in containers, from Debian's packages and NuGet. Alertmanager and PostgreSQL's exporter are
# what they are elsewhere, in Debian's versions. In Grafana's place stands the Aspire dashboard, which takes OTLP at the same port: Grafana comes as an image alone.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../deploy/local/lib.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

of_debian() {    # of_debian NAME PACKAGE PROGRAM
    printf 'FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y --no-install-recommends %s && rm -rf /var/lib/apt/lists/*\nENTRYPOINT ["%s"]\n' "$2" "$3" |
        docker build --quiet --tag "$1" - >/dev/null
}
of_debian observe/alertmanager prometheus-alertmanager prometheus-alertmanager
of_debian observe/postgres-exporter prometheus-postgres-exporter prometheus-postgres-exporter

dotnet_build deploy/local/Dashboard.proj -restore -t:Lay "-p:To=$work/dashboard"
cat >"$work/Dockerfile" <<'TEXT'
FROM mcr.microsoft.com/dotnet/runtime-deps:10.0
COPY dashboard /dashboard
ENV ASPNETCORE_URLS=http://0.0.0.0:3000 ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL=http://0.0.0.0:4317 ASPIRE_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS=true
ENTRYPOINT ["/dashboard/Aspire.Dashboard"]
TEXT
chmod -R a+rX "$work" && chmod a+x "$work/dashboard/Aspire.Dashboard"
docker build --quiet --tag observe/dashboard "$work" >/dev/null
