# The private PostgreSQL, RabbitMQ and mail catcher of the run mode without containers. Sourced.
# Each has its own data directory, ports and, for the broker, node name: nothing that is installed on the machine is touched.
# shellcheck shell=bash

. "$ROOT/deploy/local/packages.sh"

# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────────────────────────

# PostgreSQL refuses to run as root. Root therefore runs it as `postgres`, in a directory which that user can reach.
postgres_home() {
    local elsewhere
    if [ "$(id -u)" = 0 ] && ! setpriv --reuid=postgres --regid=postgres --clear-groups test -x "$STATE" 2>/dev/null; then
        elsewhere=/var/lib/shop-$(printf '%s' "$STATE" | cksum | cut -d' ' -f1)
        install -d -m 755 "$elsewhere"
        ln -sfn "$elsewhere" "$STATE/postgres-is-in"
        printf '%s' "$elsewhere/postgres"
    else
        printf '%s' "$STATE/postgres"
    fi
}

as_postgres() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$PGHOME" "$@"
    else
        env HOME="$PGHOME" "$@"
    fi
}

# The server's settings where there is TLS, beside its certificate and key: only those of its own user will do.
postgres_tls() {    # postgres_tls DIRECTORY
    local tls=$1/tls
    rm -rf "$tls"
    mkdir "$tls"
    [ -d "$STATE/tls" ] || return 0
    (umask 077 && cp "$STATE/tls/postgres/server.key" "$STATE/tls/postgres/server.crt" "$ROOT/deploy/postgres/pg_hba_tls.conf" "$tls/")
    printf "ssl = on\nssl_cert_file = 'tls/server.crt'\nssl_key_file = 'tls/server.key'\n"
    # Unlike the two above, this one is not looked for in the data directory.
    [ -z "${TLS:-}" ] || printf "hba_file = '%s/pg_hba_tls.conf'\n" "${tls//\'/\'\'}"
}

# serve_postgres PROCESS DIRECTORY PORT: with the settings of now
serve_postgres() {
    local process=$1 data=$2 port=$3 bin
    bin=$(postgres_bin)
    { cat "$ROOT/deploy/postgres/postgresql.conf"; postgres_tls "$data"; printf '%s\n' "${POSTGRES_EXTRA_SETTINGS:-}"; } >"$data/shop.conf"
    [ "$(id -u)" != 0 ] || chown -R postgres "$data/shop.conf" "$data/tls"
    (
        cd /
        if [ "$(id -u)" = 0 ]; then set -- setpriv --reuid=postgres --regid=postgres --clear-groups; else set --; fi
        start "$process" "$@" env HOME="$PGHOME" "$bin/postgres" -D "$data" -c "port=$port" \
            -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c "cluster_name=$process"
    )
}

start_postgres() {
    local bin password_file
    alive postgres && return 0
    need_port POSTGRES_PORT PostgreSQL
    bin=$(postgres_bin)
    PGHOME=$(postgres_home)
    mkdir -p "$PGHOME"
    [ "$(id -u)" != 0 ] || chown postgres:postgres "$PGHOME"
    if is_primary "$PGHOME/replica"; then
        # It has taken over, and what stands in the directory of before is of a time before that.
        if alive postgres-replica; then follow_postgres postgres data "$POSTGRES_PORT" "$POSTGRES_REPLICA_PORT"; return; fi
        rm -rf "$PGHOME/data"
        mv "$PGHOME/replica" "$PGHOME/data"
    fi
    if [ ! -s "$PGHOME/data/PG_VERSION" ]; then
        rm -rf "$PGHOME/data" "$PGHOME/data.new"         # what a start that was cut off has left
        password_file=$(mktemp)
        printf '%s\n' "$POSTGRES_PASSWORD" >"$password_file"
        [ "$(id -u)" != 0 ] || chown postgres "$password_file"
        (cd / && as_postgres "$bin/initdb" --pgdata "$PGHOME/data.new" --username postgres --pwfile "$password_file" \
            --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8) >"$STATE/logs/postgres-init.log" 2>&1 || {
            tail -n 5 "$STATE/logs/postgres-init.log" >&2
            rm -rf "$password_file" "$PGHOME/data.new"
            die "initdb failed, see $STATE/logs/postgres-init.log."
        }
        rm -f "$password_file"
        printf "include_if_exists = 'shop.conf'\n" >>"$PGHOME/data.new/postgresql.conf"
        mv "$PGHOME/data.new" "$PGHOME/data"        # a directory of that name is complete
    fi
    serve_postgres postgres "$PGHOME/data" "$POSTGRES_PORT"
}

. "$ROOT/deploy/local/replica.sh"

postgres_ready() { PGCONNECT_TIMEOUT=2 "$(postgres_bin)/pg_isready" -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres -d postgres; }

# With the password of now or, where it was changed in .env since, of the last time.
provision_postgres() {
    local password last=$STATE/postgres-password
    for password in "$POSTGRES_PASSWORD" "$(cat "$last" 2>/dev/null || true)"; do
        [ -n "$password" ] || continue
        if PATH="$(postgres_bin):$PATH" PGHOST=127.0.0.1 PGPORT=$(primary_port) PGPASSWORD=$password \
            POSTGRES_EXPORTER_PASSWORD=${METRICS:+$POSTGRES_EXPORTER_PASSWORD} \
            sh "$ROOT/deploy/postgres/provision.sh" >"$STATE/logs/postgres-provision.log" 2>&1; then
            (umask 077 && printf '%s\n' "$POSTGRES_PASSWORD" >"$last")
            return
        fi
    done
    tail -n 5 "$STATE/logs/postgres-provision.log" >&2
    die "The databases could not be set up, see $STATE/logs/postgres-provision.log."
}

# ── RabbitMQ ──────────────────────────────────────────────────────────────────────────────────────────────────────

# The environment of the node and of its command line tools; `make up` prints no secret and writes it to no log.
rabbitmq_environment() {
    local home=$STATE/rabbitmq
    rabbitmq_env=(
        "HOME=$home" "RABBITMQ_NODENAME=${RABBITMQ_NODE:-shop}@localhost"
        "RABBITMQ_MNESIA_BASE=$home/data" "RABBITMQ_LOG_BASE=$home/log" "RABBITMQ_LOGS=-"
        "RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf" "RABBITMQ_ADVANCED_CONFIG_FILE=$home/none.config"
        "RABBITMQ_CONF_ENV_FILE=$home/none.env" "RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins"
        "RABBITMQ_DIST_PORT=$RABBITMQ_DIST_PORT" "ERL_EPMD_PORT=$RABBITMQ_EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1
        # no busy waiting: the services need the processors more
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
        "ERL_CRASH_DUMP=$home/erl_crash.dump" RUNNING_UNDER_SYSTEMD=true LC_ALL=C.UTF-8
    )
}

# at_broker ARGUMENT...: deploy/rabbitmq/upgrade.sh with the broker's own tools
at_broker() {
    rabbitmq_environment
    env "${rabbitmq_env[@]}" PATH="$(rabbitmq_bin):$PATH" sh "$ROOT/deploy/rabbitmq/upgrade.sh" "$@" 9>&-
}

start_rabbitmq() {
    local home=$STATE/rabbitmq bin
    bin=$(rabbitmq_bin)
    if alive rabbitmq; then
        wait_until 90 RabbitMQ rabbitmq rabbitmq_ready
        at_broker definitions "$home/definitions.json"
        [ ! -e "$STATE/observed" ] || (rabbitmq_environment && env "${rabbitmq_env[@]}" "$bin/rabbitmq-plugins" -q enable rabbitmq_prometheus)
        return
    fi
    need_port RABBITMQ_PORT RabbitMQ
    need_port RABBITMQ_MANAGEMENT_PORT "the management UI of RabbitMQ"
    need_port RABBITMQ_DIST_PORT "RabbitMQ's command line tools"
    mkdir -p "$home" && chmod 700 "$home"
    rm -rf "$home/tls"
    if [ -d "$STATE/tls" ]; then
        (umask 077 && cp -R "$STATE/tls/rabbitmq" "$home/tls" && mv "$home/tls/trusted/ca.crt" "$home/tls/")
    fi
    (umask 077 && sh "$ROOT/deploy/rabbitmq/render.sh" >"$home/definitions.json") || die "The broker's definitions could not be made."
    {
        cat "$ROOT/deploy/rabbitmq/rabbitmq.conf"
        if [ -n "${TLS:-}" ]; then
            printf 'management.ssl.ip = 127.0.0.1\nprometheus.ssl.ip = 127.0.0.1\n'
            sh "$ROOT/deploy/rabbitmq/tls.sh" tls/ "127.0.0.1:$RABBITMQ_PORT" "$RABBITMQ_MANAGEMENT_PORT" "$RABBITMQ_METRICS_PORT"
        else
            printf 'listeners.tcp.default = 127.0.0.1:%s\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %s\n' "$RABBITMQ_PORT" "$RABBITMQ_MANAGEMENT_PORT"
            printf 'prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = %s\n' "$RABBITMQ_METRICS_PORT"
            [ -z "${RABBITMQ_TLS_PORT:-}" ] || sh "$ROOT/deploy/rabbitmq/tls.sh" tls/ "127.0.0.1:$RABBITMQ_TLS_PORT"
        fi
        # By its name alone, found where the broker starts: no path would come through every reader of this file unharmed.
        printf 'vm_memory_high_watermark.absolute = %s\nload_definitions = definitions.json\n' "${RABBITMQ_MEMORY:-600MB}"
    } >"$home/rabbitmq.conf"
    printf '[rabbitmq_management%s].\n' "$([ ! -e "$STATE/observed" ] || echo ,rabbitmq_prometheus)" >"$home/enabled_plugins"
    rabbitmq_environment
    # Erlang's name server would start by itself and stay for ever; ours has a process id to end.
    if ! alive epmd; then
        need_port RABBITMQ_EPMD_PORT "Erlang's name server"
        start epmd env "HOME=$home" "$(command -v epmd || echo /usr/lib/erlang/bin/epmd)" -port "$RABBITMQ_EPMD_PORT" -address 127.0.0.1
        wait_until 10 "Erlang's name server" epmd connects "$RABBITMQ_EPMD_PORT"
    fi
    (cd "$home" && start rabbitmq env "${rabbitmq_env[@]}" "$bin/rabbitmq-server")
}

rabbitmq_ready() { connects "$RABBITMQ_PORT" && own_ok "$RABBITMQ_MANAGEMENT_PORT" /; }

# ── The mail catcher ──────────────────────────────────────────────────────────────────────────────────────────────

install_maildev() {
    local home=$ROOT/.local/maildev sum
    sum=$(cat "$ROOT/deploy/local/package-lock.json" | cksum)
    [ "$(cat "$home/installed" 2>/dev/null)" = "$sum" ] && return 0
    note "installing the mail catcher by npm, once; that may take some minutes (its log: $STATE/logs/npm.log)"
    mkdir -p "$home"
    cp "$ROOT/deploy/local/package.json" "$ROOT/deploy/local/package-lock.json" "$home/"
    (cd "$home" && npm ci --ignore-scripts --omit=dev --no-audit --no-fund --no-update-notifier) >"$STATE/logs/npm.log" 2>&1 || {
        tail -n 10 "$STATE/logs/npm.log" >&2
        die "npm could not install the mail catcher, see $STATE/logs/npm.log." "Is this machine online?"
    }
    printf '%s' "$sum" >"$home/installed"
}

start_maildev() {
    alive maildev && return 0
    need_port MAIL_SMTP_PORT "the mail catcher (SMTP)"
    need_port MAIL_WEB_PORT "the mail catcher (web)"
    mkdir -p "$STATE/mail"
    start maildev node "$ROOT/.local/maildev/node_modules/maildev/dist/bin/maildev.js" --ip 127.0.0.1 --smtp "$MAIL_SMTP_PORT" \
        --web-ip 127.0.0.1 --web "$MAIL_WEB_PORT" --mail-directory "$STATE/mail" --silent
}

maildev_ready() { connects "$MAIL_SMTP_PORT" && http_ok "$MAIL_WEB_PORT" /api/healthz; }

# ── All of it ─────────────────────────────────────────────────────────────────────────────────────────────────────

make_certificates() {
    local name
    for name in "${SERVICES[@]}" payment-sandbox; do mkdir -p "$STATE/tls/$name"; done
    TLS=true sh "$ROOT/deploy/tls/certificates.sh" "$STATE/tls" || die "The certificates could not be made."
}

start_infrastructure() {
    mkdir -p "$STATE/logs"
    if [ -n "${TLS:-}" ]; then make_certificates; else rm -rf "$STATE/tls"; fi
    start_postgres
    start_rabbitmq
    install_maildev
    start_maildev
}

await_infrastructure() {
    wait_until 60 PostgreSQL postgres postgres_ready
    [ "${1:-}" = no-provision ] || provision_postgres
    [ -z "${POSTGRES_REPLICA:-}" ] || { start_replica; wait_until 60 "The replica of PostgreSQL" postgres-replica replica_ready; }
    wait_until 60 "The mail catcher" maildev maildev_ready
    wait_until 90 RabbitMQ rabbitmq rabbitmq_ready
}

stop_infrastructure() {
    stop maildev TERM 10
    stop rabbitmq TERM 30
    stop epmd TERM 5
    stop postgres-replica INT 30
    stop postgres INT 30
}
