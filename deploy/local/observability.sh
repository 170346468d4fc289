# What `make observe` starts beside the system in the run mode without containers: Prometheus with rules and alerts, the exporters, and the Aspire dashboard. Sourced.
# shellcheck shell=bash

OBSERVERS=(prometheus alertmanager postgres-exporter dashboard)

missing_observers() {
    has promtool || echo prometheus
    has prometheus-alertmanager || echo prometheus-alertmanager
    has prometheus-postgres-exporter || echo prometheus-postgres-exporter
}

# shellcheck disable=SC2046  # one word a package
install_observers() { install_these $(missing_observers); }

install_observability() {
    install_observers
    dotnet_build deploy/local/Dashboard.proj -restore -t:Lay "-p:To=$STATE/dashboard" >"$STATE/logs/dashboard-package.log" 2>&1 || {
        tail -n 10 "$STATE/logs/dashboard-package.log" >&2
        die "The dashboard's package could not be had, see $STATE/logs/dashboard-package.log." "Is this machine online, and of a kind that the package is made for?"
    }
}

observer_port() {
    case $1 in
        prometheus) echo PROMETHEUS_PORT ;;
        alertmanager) echo ALERTMANAGER_PORT ;;
        postgres-exporter) echo POSTGRES_METRICS_PORT ;;
        dashboard) echo TELEMETRY_PORT ;;
    esac
}

start_observability() {
    local name process config service_targets=() broker_targets=()
    for name in "${OBSERVERS[@]}"; do alive "$name" || need_port "$(observer_port "$name")" "$name"; done
    alive dashboard || need_port OTLP_PORT "the dashboard (OTLP)"
    for name in "${SERVICES[@]}"; do
        for process in $(processes_of "$name"); do
            config=$(metrics_port_variable "$process")
            service_targets+=("$name=127.0.0.1:${!config}")
        done
    done
    for name in $(broker_nodes); do broker_targets+=("127.0.0.1:$(broker_port "$name" METRICS)"); done
    config=$(env SERVICE_TARGETS="${service_targets[*]}" RABBITMQ_TARGETS="${broker_targets[*]}" POSTGRES_TARGET="127.0.0.1:$POSTGRES_METRICS_PORT" \
        ALERTMANAGER_TARGET="127.0.0.1:$ALERTMANAGER_PORT" TLS="$TLS" CA="$STATE/tls/clients/trusted/ca.crt" \
        sh "$ROOT/deploy/observability/prometheus.sh" "$STATE/prometheus/config")
    alive dashboard || start dashboard env -u OTEL_EXPORTER_OTLP_ENDPOINT "ASPNETCORE_URLS=http://127.0.0.1:$TELEMETRY_PORT" \
        "ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL=http://127.0.0.1:$OTLP_PORT" ASPIRE_DASHBOARD_UNSECURED_ALLOW_ANONYMOUS=true "$STATE/dashboard/Aspire.Dashboard"
    alive postgres-exporter || start postgres-exporter env DATA_SOURCE_USER=exporter "DATA_SOURCE_PASS=$POSTGRES_EXPORTER_PASSWORD" \
        "DATA_SOURCE_URI=127.0.0.1:$POSTGRES_PORT/postgres?${TLS:+sslmode=verify-full&sslrootcert=$STATE/tls/clients/trusted/ca.crt&}sslmode=disable" \
        prometheus-postgres-exporter --web.listen-address "127.0.0.1:$POSTGRES_METRICS_PORT"
    alive alertmanager || start alertmanager prometheus-alertmanager --config.file "$ROOT/deploy/observability/alertmanager.yml" \
        --storage.path "$STATE/alertmanager" --web.listen-address "127.0.0.1:$ALERTMANAGER_PORT" --cluster.listen-address=
    # Its rules and targets may have changed since.
    if alive prometheus; then kill -HUP "$(pid_of prometheus)"; else
        start prometheus prometheus --config.file "$config" --storage.tsdb.path "$STATE/prometheus/data" --storage.tsdb.retention.time 15d \
            --web.listen-address "127.0.0.1:$PROMETHEUS_PORT"
    fi
}

await_observability() {
    wait_until 60 Prometheus prometheus http_ok "$PROMETHEUS_PORT" /-/ready
    wait_until 60 Alertmanager alertmanager http_ok "$ALERTMANAGER_PORT" /-/ready
    wait_until 60 "PostgreSQL's exporter" postgres-exporter http_ok "$POSTGRES_METRICS_PORT" /metrics
    wait_until 60 "The dashboard" dashboard connects "$TELEMETRY_PORT"
}

stop_observability() {
    local name
    for name in "${OBSERVERS[@]}"; do stop "$name" TERM 15; done
}
