# The private PostgreSQL, RabbitMQ, mail catcher and, where it is wanted, Redis of the run mode without containers. Sourced.
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
# One node, rabbitmq. With CLUSTER=1 three, each with a data directory of its own: rabbitmq-1 at the ports of the one that there is otherwise, rabbitmq-2 and
# rabbitmq-3 at those of RABBITMQ_2_* and RABBITMQ_3_*.

broker_nodes() { if [ -n "${CLUSTER:-}" ]; then printf '%s\n' rabbitmq-1 rabbitmq-2 rabbitmq-3; else printf 'rabbitmq\n'; fi; }

# a_broker_node: one that runs, or else the first
a_broker_node() {
    local node
    for node in $(broker_nodes); do
        ! alive "$node" || { printf '%s' "$node"; return; }
    done
    broker_nodes | sed -n 1p
}

# broker_setting NODE [KIND]: which variable has the port, such as RABBITMQ_PORT of rabbitmq-1 and RABBITMQ_2_MANAGEMENT_PORT of rabbitmq-2
broker_setting() {
    local number=${1#rabbitmq}
    number=${number#-}
    [ "$number" != 1 ] || number=
    printf 'RABBITMQ%s%s_PORT' "${number:+_$number}" "${2:+_$2}"
}
broker_port() { local variable; variable=$(broker_setting "$@"); printf '%s' "${!variable:-}"; }

# The name by which the nodes know each other; those of the name server are shop-1@localhost and so on.
erlang_name() { local number=${1#rabbitmq}; printf '%s%s@localhost' "${RABBITMQ_NODE:-shop}" "$number"; }

# The environment of a node and of its command line tools; `make up` prints no secret and writes it to no log.
rabbitmq_environment() {
    local node=${1:-$(a_broker_node)} home
    home=$STATE/$node
    rabbitmq_env=(
        "HOME=$home" "RABBITMQ_NODENAME=$(erlang_name "$node")"
        "RABBITMQ_MNESIA_BASE=$home/data" "RABBITMQ_LOG_BASE=$home/log" "RABBITMQ_LOGS=-"
        "RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf" "RABBITMQ_ADVANCED_CONFIG_FILE=$home/none.config"
        "RABBITMQ_CONF_ENV_FILE=$home/none.env" "RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins"
        "RABBITMQ_DIST_PORT=$(broker_port "$node" DIST)" "ERL_EPMD_PORT=$RABBITMQ_EPMD_PORT" ERL_EPMD_ADDRESS=127.0.0.1
        # no busy waiting: the services need the processors more; and nodes that hear nothing of each other for 15 s are lost to each other
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}${CLUSTER:+ -kernel net_ticktime 15}"
        "ERL_CRASH_DUMP=$home/erl_crash.dump" RUNNING_UNDER_SYSTEMD=true LC_ALL=C.UTF-8
    )
}

# at_broker ARGUMENT...: deploy/rabbitmq/upgrade.sh with the broker's own tools
at_broker() {
    rabbitmq_environment
    env "${rabbitmq_env[@]}" PATH="$(rabbitmq_bin):$PATH" sh "$ROOT/deploy/rabbitmq/upgrade.sh" "$@" 9>&-
}

# A node that has no data yet joins those that run. One that has knows its peers, and needs them: all are started together.
start_rabbitmq() {
    local node started=
    for node in $(broker_nodes); do
        alive "$node" || started=$node
        start_broker "$node"
        # The first of all makes what the others take over.
        [ "$node" != rabbitmq-1 ] || [ -d "$STATE/rabbitmq-2/data" ] || wait_until 90 "RabbitMQ's first node" "$node" broker_ready "$node"
    done
    [ -n "$started" ] || renew_definitions
}

# What runs already may have other passwords and rights than those of now.
renew_definitions() {
    local node
    await_rabbitmq 90
    node=$(a_broker_node)
    at_broker definitions "$STATE/$node/definitions.json"
    rabbitmq_environment "$node"
    env "${rabbitmq_env[@]}" "$(rabbitmq_bin)/rabbitmq-plugins" -q enable rabbitmq_consistent_hash_exchange $([ ! -e "$STATE/observed" ] || echo rabbitmq_prometheus)
}

start_broker() {
    local node=$1 home=$STATE/$1
    ! alive "$node" || return 0
    need_port "$(broker_setting "$node")" RabbitMQ
    need_port "$(broker_setting "$node" MANAGEMENT)" "the management UI of RabbitMQ"
    need_port "$(broker_setting "$node" DIST)" "RabbitMQ's command line tools"
    mkdir -p "$home" && chmod 700 "$home"
    rm -rf "$home/tls"
    if [ -d "$STATE/tls" ]; then
        (umask 077 && cp -R "$STATE/tls/rabbitmq" "$home/tls" && mv "$home/tls/trusted/ca.crt" "$home/tls/")
    fi
    (umask 077 && sh "$ROOT/deploy/rabbitmq/render.sh" >"$home/definitions.json") || die "The broker's definitions could not be made."
    broker_configuration "$node" >"$home/rabbitmq.conf"
    printf '[rabbitmq_management,rabbitmq_consistent_hash_exchange%s].\n' "$([ ! -e "$STATE/observed" ] || echo ,rabbitmq_prometheus)" >"$home/enabled_plugins"
    [ -z "${CLUSTER:-}" ] || share_cookie "$home"
    rabbitmq_environment "$node"
    start_epmd
    (cd "$home" && start "$node" env "${rabbitmq_env[@]}" "$(rabbitmq_bin)/rabbitmq-server")
}

broker_configuration() {
    local node=$1 port management metrics tls
    port=$(broker_port "$node") management=$(broker_port "$node" MANAGEMENT) metrics=$(broker_port "$node" METRICS) tls=$(broker_port "$node" TLS)
    cat "$ROOT/deploy/rabbitmq/rabbitmq.conf"
    if [ -n "${TLS:-}" ]; then
        printf 'management.ssl.ip = 127.0.0.1\nprometheus.ssl.ip = 127.0.0.1\n'
        sh "$ROOT/deploy/rabbitmq/tls.sh" tls/ "127.0.0.1:$port" "$management" "$metrics"
    else
        printf 'listeners.tcp.default = 127.0.0.1:%s\nmanagement.tcp.ip = 127.0.0.1\nmanagement.tcp.port = %s\n' "$port" "$management"
        printf 'prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = %s\n' "$metrics"
        [ -z "$tls" ] || sh "$ROOT/deploy/rabbitmq/tls.sh" tls/ "127.0.0.1:$tls"
    fi
    printf 'vm_memory_high_watermark.absolute = %s\n' "${RABBITMQ_MEMORY:-600MB}"
    # By its name alone, found where the broker starts: no path would come through every reader of this file unharmed. What one node of a cluster reads, all know.
    [ "${node#rabbitmq-[23]}" != "$node" ] || printf 'load_definitions = definitions.json\n'
    [ -z "${CLUSTER:-}" ] || cluster_configuration "$node"
}

cluster_configuration() {
    local other number=0
    cat "$ROOT/deploy/rabbitmq/cluster.conf"
    for other in $(broker_nodes); do
        [ "$other" != "$1" ] && alive "$other" || continue
        number=$((number + 1))
        printf 'cluster_formation.classic_config.nodes.%s = %s\n' "$number" "$(erlang_name "$other")"
    done
}

# share_cookie HOME: by it the nodes know each other and their command line tools
share_cookie() {
    local cookie=$STATE/rabbitmq-cookie
    [ -s "$cookie" ] || (umask 077 && od -An -N 24 -t x1 /dev/urandom | tr -d ' \n' >"$cookie")
    install -m 400 "$cookie" "$1/.erlang.cookie"
}

# Erlang's name server would start by itself and stay for ever; ours has a process id to end.
start_epmd() {
    ! alive epmd || return 0
    need_port RABBITMQ_EPMD_PORT "Erlang's name server"
    start epmd env "HOME=$STATE" "$(command -v epmd || echo /usr/lib/erlang/bin/epmd)" -port "$RABBITMQ_EPMD_PORT" -address 127.0.0.1
    wait_until 10 "Erlang's name server" epmd connects "$RABBITMQ_EPMD_PORT"
}

broker_ready() { connects "$(broker_port "$1")" && own_ok "$(broker_port "$1" MANAGEMENT)" /; }

# Of several that start at the same moment one may ask another too early and end (`incompatible_feature_flags`, RabbitMQ 3.10): once it is started again.
revived=
broker_ready_or_revived() {
    ! broker_ready "$1" || return 0
    if ! alive "$1" && [[ " $revived " != *" $1 "* ]]; then
        revived="$revived $1"
        warn "RabbitMQ${1#rabbitmq} has ended before it was ready; it is started again."
        start_broker "$1"
    fi
    return 1
}

# await_rabbitmq SECONDS [NODE]...: every node, or those
await_rabbitmq() {
    local seconds=$1 node nodes
    shift
    nodes=${*:-$(broker_nodes)}
    for node in $nodes; do wait_until "$seconds" "RabbitMQ${node#rabbitmq}" "$node" "broker_ready${CLUSTER:+_or_revived}" "$node"; done
    [ -z "${CLUSTER:-}" ] || [ -e "$STATE/rabbitmq-grown" ] || grow_queues
}

# What the first node made while it was alone has its copies on the others as well.
grow_queues() {
    local node
    for node in rabbitmq-2 rabbitmq-3; do alive "$node" || return 0; done
    rabbitmq_environment rabbitmq-1
    for node in rabbitmq-2 rabbitmq-3; do env "${rabbitmq_env[@]}" "$(rabbitmq_bin)/rabbitmq-queues" -q grow "$(erlang_name "$node")" all >/dev/null; done
    : >"$STATE/rabbitmq-grown"
}

# stop_rabbitmq [SIGNAL [SECONDS]]: whatever runs of either kind; all at once, since a node of a cluster that stops last wants to be started first
# shellcheck disable=SC2120  # those who pass them are other scripts
stop_rabbitmq() {
    local node
    for node in rabbitmq-1 rabbitmq-2 rabbitmq-3 rabbitmq; do
        ! alive "$node" || kill "-${1:-TERM}" "$(pid_of "$node")" 2>/dev/null || true
    done
    for node in rabbitmq-1 rabbitmq-2 rabbitmq-3 rabbitmq; do stop "$node" "${1:-TERM}" "${2:-30}"; done
}

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

# ── Redis, where it is wanted ─────────────────────────────────────────────────────────────────────────────────────

# It keeps nothing on the disk, and what it had in memory goes with it.
start_redis() {
    local home=$STATE/redis tls=
    alive redis && return 0
    need_port REDIS_PORT Redis
    mkdir -p "$home" && chmod 700 "$home"
    [ -z "${TLS:-}${REDIS_TLS_PORT:-}" ] || tls=$STATE/tls/redis
    (umask 077 && sh "$ROOT/deploy/redis/render.sh" 127.0.0.1 "${REDIS_TLS_PORT:-$REDIS_PORT}" "$tls" "${REDIS_TLS_PORT:+$REDIS_PORT}" >"$home/redis.conf") ||
        die "The settings of Redis could not be made."
    (cd "$home" && start redis "$(command -v redis-server)" "$home/redis.conf")
}

redis_ready() { connects "$REDIS_PORT"; }

# ── All of it ─────────────────────────────────────────────────────────────────────────────────────────────────────

make_certificates() {
    local name
    for name in "${SERVICES[@]}" payment-sandbox ${CLUSTER:+gateway} ${REDIS:+redis}; do mkdir -p "$STATE/tls/$name"; done
    TLS=true sh "$ROOT/deploy/tls/certificates.sh" "$STATE/tls" || die "The certificates could not be made."
}

start_infrastructure() {
    mkdir -p "$STATE/logs"
    if [ -n "${TLS:-}" ]; then make_certificates; else rm -rf "$STATE/tls"; fi
    start_postgres
    start_rabbitmq
    install_maildev
    start_maildev
    [ -z "${REDIS:-}" ] || start_redis
}

await_infrastructure() {
    wait_until 60 PostgreSQL postgres postgres_ready
    [ "${1:-}" = no-provision ] || provision_postgres
    [ -z "${POSTGRES_REPLICA:-}" ] || { start_replica; wait_until 60 "The replica of PostgreSQL" postgres-replica replica_ready; }
    wait_until 60 "The mail catcher" maildev maildev_ready
    [ -z "${REDIS:-}" ] || wait_until 30 Redis redis redis_ready
    await_rabbitmq 90
}

stop_infrastructure() {
    stop redis TERM 5
    stop maildev TERM 10
    stop_rabbitmq
    stop epmd TERM 5
    stop postgres-replica INT 30
    stop postgres INT 30
}
