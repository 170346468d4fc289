#!/usr/bin/env bash
# make up: all set-up, then every service started and healthy. Twice is harmless.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
choose_mode
clustered
MAKE_TARGET=${MAKE_TARGET:-up}
trap 'printf "\n"; warn "interrupted. What was started stays; make up goes on from here, make down ends it."; exit 130' INT TERM

# ── Data of an earlier version ────────────────────────────────────────────────────────────────────────────────────

# A queue keeps the arguments that it was declared with, and the broker refuses it to a service that declares it with others. Earlier versions declared what
# policies say today. Where nothing is left in these queues they are deleted, and the services declare them anew; once, as $STATE/queues remembers.
renew_queues() {
    local older left
    [ ! -e "$STATE/queues" ] || return 0
    older=$(at_broker queues) || die "The broker does not tell which queues an earlier version has declared."
    if [ -n "$older" ]; then
        stop_services
        older=$(at_broker queues)       # with what the services have given back
        left=$(awk '$2 > 0 { printf "%s%s (%s)", separator, $1, $2; separator = ", " }' <<<"$older")
        [ -z "$left" ] || die "The version that ran here before has left messages in queues that this version cannot take over: $left." \
            "Start that version again (git checkout ..., make up), wait until its queues are empty, make down, and come back: docs/how-to/upgrade.md"
        # shellcheck disable=SC2046  # one argument for each queue
        at_broker delete $(cut -d' ' -f1 <<<"$older")
        ok "the queues of an earlier version were empty and are declared anew"
    fi
    : >"$STATE/queues"
}

# Everybody knows its password. Outside consumers that used it get accounts of their own: docs/how-to/connect-a-partner.md.
end_guest() {
    [ ! -e "$STATE/accounts" ] || return 0
    at_broker accounts || die "The broker does not tell which accounts it has."
    : >"$STATE/accounts"
}

# ── The two modes ─────────────────────────────────────────────────────────────────────────────────────────────────

# Three nodes find each other, or wait for those whom they know, so that they start together. One that has run alone has to be there before the others, or they
# would be a broker without it; it gives them copies of its queues.
start_broker() { docker compose up --wait --quiet-pull "$@" || die "The broker did not become healthy." "See why: docker compose logs $*"; }
is_to_grow() { has_volume rabbitmq && ! has_volume rabbitmq-2; }
has_volume() { docker volume inspect "${COMPOSE_PROJECT_NAME}_$1" >/dev/null 2>&1; }

up_docker() {
    local name
    at_broker() { docker compose exec -T rabbitmq sh /provision/upgrade.sh "$@"; }
    stop_services() { docker compose stop "${SERVICES[@]}"; }
    # compose would only say "address already in use", late, and of one port.
    if [ -z "$(own_containers)" ]; then
        for name in "${SERVICES[@]}" ${CLUSTER:+gateway} payment-sandbox rabbitmq rabbitmq-management ${CLUSTER:+rabbitmq-2-management rabbitmq-3-management} postgres mail-smtp mail-web ${REDIS:+redis} $([ ! -e "$STATE/observed" ] || echo telemetry prometheus alertmanager); do
            need_port "$(port_variable "$name")" "${name//-/ }"
        done
    fi
    mkdir -p "$STATE"
    printf '%s\n' "$COMPOSE_PROJECT_NAME" >"$STATE/project"
    printf 'docker\n' >"$STATE/mode"
    [ -z "${CLUSTER:-}" ] || printf '%s' "$REPLICAS" >"$STATE/cluster"
    step "docker compose up --build --wait"
    if [ -z "${CLUSTER:-}" ] || is_to_grow; then start_broker rabbitmq; fi
    if [ -n "${CLUSTER:-}" ]; then
        start_broker rabbitmq rabbitmq-2 rabbitmq-3
        for name in rabbitmq-2 rabbitmq-3; do docker compose exec -T rabbitmq rabbitmq-queues -q grow "rabbit@$name" all >/dev/null; done
    fi
    at_broker definitions /tmp/broker/definitions.json
    end_guest
    renew_queues
    docker compose up --build --wait --quiet-pull || {
        docker compose ps --all --format 'table {{.Service}}\t{{.State}}\t{{.Health}}' >&2
        for name in "${SERVICES[@]}"; do unready_checks "$name" >&2; done
        die "Not every container became healthy." "See why: docker compose logs SERVICE    End it: make down"
    }
}

# All of them at once and first of all, so that nobody waits for a build to learn of a taken port.
check_ports() {
    local name
    alive postgres || need_port POSTGRES_PORT PostgreSQL
    for name in $(broker_nodes); do
        alive "$name" || { need_port "$(broker_setting "$name")" RabbitMQ; need_port "$(broker_setting "$name" MANAGEMENT)" "the management UI of RabbitMQ"; }
    done
    [ -z "${REDIS:-}" ] || alive redis || need_port REDIS_PORT Redis
    alive maildev || { need_port MAIL_SMTP_PORT "the mail catcher (SMTP)"; need_port MAIL_WEB_PORT "the mail catcher (web)"; }
    for name in "${PROCESSES[@]}"; do
        alive "$name" || need_port "$(port_variable "$name")" "$name"
    done
    [ -z "${CLUSTER:-}" ] || alive gateway || for name in "${SERVICES[@]}"; do keeps_nothing "$name" || need_port "$(port_variable "$name")" "$name"; done
}

# The messages of a broker with one node would be out of the reach of three others. Another number of replicas, and the gateway has to know them.
form_cluster() {
    [ -n "${CLUSTER:-}" ] || return 0
    [ -s "$STATE/cluster" ] || [ ! -d "$STATE/rabbitmq/data" ] || die "This folder has a broker of one node, and data in it." \
        "make clean drops both; docs/how-to/run-several-replicas.md says how to keep the databases."
    if [ -s "$STATE/cluster" ] && [ "$(cat "$STATE/cluster")" != "$REPLICAS" ]; then
        local REPLICAS=9
        . "$ROOT/deploy/local/services.sh"
        stop_services
    fi
}

up_local() {
    need_disk 1500
    take_lock
    . "$ROOT/deploy/local/infrastructure.sh"
    . "$ROOT/deploy/local/services.sh"
    . "$ROOT/deploy/local/observability.sh"
    need_dotnet
    export_local_addresses
    mkdir -p "$STATE/logs"
    form_cluster
    . "$ROOT/deploy/local/services.sh"
    [ -z "${CLUSTER:-}" ] || printf '%s' "$REPLICAS" >"$STATE/cluster"

    # What runs speaks as it did when it was started.
    if [ "$([ ! -d "$STATE/tls" ] || echo true)" != "$TLS" ] && any_alive; then
        stop_services
        stop_infrastructure
    fi
    if [ "$(cat "$STATE/telemetry" 2>/dev/null)" != "$METRICS $OTEL_EXPORTER_OTLP_ENDPOINT${REDIS:+ redis}" ]; then
        stop_services
        printf '%s' "$METRICS $OTEL_EXPORTER_OTLP_ENDPOINT${REDIS:+ redis}" >"$STATE/telemetry"
    fi
    check_ports
    printf 'local\n' >"$STATE/mode"
    # A broker that has no data yet has no queues of an earlier version.
    [ -d "$STATE/$(a_broker_node)/data" ] || { : >"$STATE/queues"; : >"$STATE/accounts"; }

    # Packages and the build need different things of the machine: they run side by side.
    building=
    if ! up_to_date; then
        step "Building the services (log: ${STATE#"$ROOT"/}/logs/build.log)"
        build_services &
        building=$!
        trap 'kill "$building" 2>/dev/null || true' EXIT
    fi
    install_packages
    [ ! -e "$STATE/observed" ] || install_observability
    step "Starting PostgreSQL, RabbitMQ and the mail catcher"
    start_infrastructure
    if [ -n "$building" ]; then
        wait "$building" || exit 1
        ok "built"
    fi
    if [ ! -e "$STATE/queues" ] || [ ! -e "$STATE/accounts" ]; then
        await_rabbitmq 90
        end_guest
        renew_queues
    fi
    [ -z "$building" ] || swap_services
    # The services wait for what they need, so they can start along with it.
    start_services
    await_infrastructure
    ok "PostgreSQL, RabbitMQ and the mail catcher are ready"
    [ ! -e "$STATE/observed" ] || start_observability
    step "Waiting for the services"
    await_services
    ok "${SERVICES[*]} and the payment sandbox are healthy${CLUSTER:+, $REPLICAS of each behind the gateway}"
    if [ -e "$STATE/observed" ]; then
        await_observability
        ok "Prometheus, Alertmanager and the dashboard are ready"
    fi
}

"up_$MODE"

passwords() {
    [ "$ASPNETCORE_ENVIRONMENT" != Development ] || [ "$OPERATOR_PASSWORD" != Operator-dev-1 ] || printf 'The passwords are those of development; make secrets makes your own.'
}

# First what has pages for people, then what has a description of its API.
services_and_urls() {
    local name variable url first=() others=()
    for name in "${SERVICES[@]}"; do
        variable=$(port_variable "$name") url=${variable%_PORT}_URL
        variable=http${TLS:+s}://127.0.0.1:${!variable}
        if keeps_nothing "$name"; then first+=("$name" "${!url:-$variable}"); else others+=("$name" "$variable/docs"); fi
    done
    printf '  %-16s %s\n' ${first[@]+"${first[@]}"} "${others[@]}"
}

if [ "${MAKE_TARGET}" = demo ]; then
    ok "everything is up ($MODE mode, $SECONDS s)"
    exit 0
fi

telemetry() {
    [ -e "$STATE/observed" ] || return 0
    printf '  %-16s http://127.0.0.1:%s\n' "$([ "$MODE" = docker ] && echo Grafana || echo 'traces and logs')" "$TELEMETRY_PORT" \
        Prometheus "$PROMETHEUS_PORT" Alertmanager "$ALERTMANAGER_PORT"
}

cluster() {
    [ -n "${CLUSTER:-}" ] || return 0
    printf '  %-16s %s\n' cluster "$REPLICAS of each service behind the gateway, but for the console; three nodes of RabbitMQ" \
        '' "make kill SERVICE=orders-2 or SERVICE=rabbitmq-3, and make start"
}

cat <<TEXT

${bold}Everything is up${plain} ($MODE mode, $SECONDS s, environment $ASPNETCORE_ENVIRONMENT). Everything listens on 127.0.0.1 only. $(passwords)

$(services_and_urls)
  RabbitMQ         http${TLS:+s}://127.0.0.1:$RABBITMQ_MANAGEMENT_PORT           $RABBITMQ_USER / $RABBITMQ_PASSWORD
  mails            http://127.0.0.1:$MAIL_WEB_PORT
  payment sandbox  http${TLS:+s}://127.0.0.1:$PAYMENT_SANDBOX_PORT
  PostgreSQL       127.0.0.1:$POSTGRES_PORT                   postgres / $POSTGRES_PASSWORD
$(telemetry; cluster)
  operator         $OPERATOR_EMAIL / $OPERATOR_PASSWORD

Next: ${bold}make demo${plain} places four orders and shows what becomes of them. make down stops everything.
TEXT
