# Shared by the scripts of this project: a clean environment, messages, settings, processes, ports. Sourced, never run.
# Runs on bash 3.2, which is what macOS has.
# shellcheck shell=bash

# ── A clean environment ───────────────────────────────────────────────────────────────────────────────────────────

# Whatever a shell may have inherited (a locale with letters of its own, a umask, CDPATH, the variables of libpq, MSBuild or a JVM) says nothing about this
# project: every script starts itself again with what is named here. Settings, of which .env.example has the list, and Section__Key=value pass.
# Only a script can do so: what `bash -c` sources stays in the environment that it has.
unset CDPATH
if [ -z "${SHOP_ENVIRONMENT:-}" ] && [ "${BASH_SOURCE[${#BASH_SOURCE[@]} - 1]}" = "$0" ]; then
    shop_kept=(SHOP_ENVIRONMENT=clean LC_ALL=C)
    [ -z "${HOME+set}" ] || shop_kept+=("HOME=$HOME")
    while IFS= read -r shop_name; do
        case $shop_name in
            PATH | USER | LOGNAME | TERM | TMPDIR | TZ | NO_COLOR | CI | COLUMNS | DOCKER_* | COMPOSE_* | BUILDKIT_* | TESTCONTAINERS_* | XDG_* | SSH_AUTH_SOCK) ;;
            DOTNET_* | NUGET_* | NuGet* | SSL_CERT_* | NODE_EXTRA_CA_CERTS | npm_config_* | NPM_CONFIG_* | http_proxy | https_proxy | HTTP_PROXY | HTTPS_PROXY | all_proxy | ALL_PROXY | no_proxy | NO_PROXY) ;;
            SHOP_* | TEST_* | DEMO_* | UPDATE_* | MODE | MAKE_TARGET | SERVICE | TESTS | ONLY | JOBS | REPEAT | LONG | BENCH | BENCH_* | ORDERS | FAULTS | SEED | REPLICAS | REQUESTS | MESSAGES | FAULT_KINDS | ORDER_KINDS | ALERTS | CONSOLE | \
                CLUSTER | *_[1-9]_PORT | UPGRADE_FROM | TAG | IMAGES | BASELINE | CONTAINER_FAMILY | RELEASE_BUILDER | GH_TOKEN | GH_ACTOR | MIGRATIONS_TIMEOUT | \
                MUTANTS | CsCheck_* | UNSAFE | SIGNAL | *__*) ;;
            *) grep -q "^$shop_name=" "${BASH_SOURCE[0]%/*}/../../.env.example" || continue ;;
        esac
        shop_kept+=("$shop_name=${!shop_name}")
    done < <(compgen -e)
    # This machine needs no proxy to talk to itself.
    shop_direct=127.0.0.1,localhost,::1${no_proxy:+,$no_proxy}
    umask 022
    exec env -i "${shop_kept[@]}" "no_proxy=$shop_direct" "NO_PROXY=$shop_direct" "$BASH" "$0" "$@"
fi

ROOT=$(cd -- "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
STATE=${SHOP_STATE:-$ROOT/.local}        # everything that a run leaves behind; `make clean` removes it
# Every folder with a manifest, in the order of the ports.
SERVICES=()
while IFS= read -r shop_name; do SERVICES+=("$shop_name"); done < <(
    awk -F '[:,]' '/"port":/ { n = split(FILENAME, part, "/"); print $2 + 0, part[n - 1] }' "$ROOT"/services/*/service.json | sort -n | cut -d' ' -f2)

# keeps_nothing NAME: whether it has neither database nor account at the broker, as its manifest says
keeps_nothing() { grep -q '"stateless": *true' "$ROOT/services/$1/service.json" 2>/dev/null; }

# ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────────────

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' yellow=$'\e[33m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' yellow='' plain=''
fi

say()  { printf '%s\n' "$*"; }
step() { printf '%s▸%s %s\n' "$bold" "$plain" "$*"; }
ok()   { printf '  %s✓%s %s\n' "$green" "$plain" "$*"; }
note() { printf '  %s%s%s\n' "$dim" "$*" "$plain"; }
warn() { printf '%swarning:%s %s\n' "$yellow" "$plain" "$*" >&2; }
# die MESSAGE [WHAT TO DO]...
die() {
    printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
    shift
    for line; do printf '       %s\n' "$line" >&2; done
    exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# ── Settings ──────────────────────────────────────────────────────────────────────────────────────────────────────

# Shell variables win over .env, .env wins over .env.example.
load_settings() {
    local file line name value
    for file in "$ROOT/.env" "$ROOT/.env.example"; do
        [ -f "$file" ] || continue
        while IFS= read -r line || [ -n "$line" ]; do
            [[ $line =~ ^[[:space:]]*(export[[:space:]]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
            name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]%$'\r'}
            case $value in
                \"*\"*) value=${value#\"} value=${value%%\"*} ;;
                \'*\'*) value=${value#\'} value=${value%%\'*} ;;
                *) value=${value%%[[:space:]]#*} value=${value%"${value##*[![:space:]]}"} ;;
            esac
            [ -n "${!name+set}" ] || export "$name=$value"
        done <"$file"
    done
    case ${REDIS:-}${CLUSTER:-} in '') ;; *) export REDIS=true ;; esac
    case ${POSTGRES_REPLICA:-} in '' | async | sync) ;; *) die "POSTGRES_REPLICA is '$POSTGRES_REPLICA'; it can be async, sync, or nothing." ;; esac
    case ${TLS:-} in '' | true) ;; *) die "TLS is '$TLS'; it can be true, or nothing." ;; esac
    case ${CLUSTER:-} in '' | 1) ;; *) die "CLUSTER is '$CLUSTER'; it can be 1, or nothing." ;; esac
}

# After `make up CLUSTER=1`, until `make clean`: what is under way lies in the queues of three nodes, which one of them alone does not give out.
clustered() {
    local replicas
    replicas=$(cat "$STATE/cluster" 2>/dev/null || true)
    [ -n "${CLUSTER:-}$replicas" ] || return 0
    case ${REPLICAS:=${replicas:-2}} in [1-9]) ;; *) die "REPLICAS is '$REPLICAS'; it can be 1 to 9." ;; esac
    export CLUSTER=1 REPLICAS
    export COMPOSE_FILE=$ROOT/docker-compose.yml:$ROOT/docker-compose.cluster.yml
}

# Where the processes of the local mode find each other; in containers the defaults of deploy/env/*.env apply.
export_local_addresses() {
    export SHOP_DB_HOST=127.0.0.1 SHOP_DB_PORT=$POSTGRES_PORT
    [ -z "${POSTGRES_REPLICA:-}" ] || SHOP_DB_HOST=127.0.0.1:$POSTGRES_PORT,127.0.0.1:$POSTGRES_REPLICA_PORT
    export SHOP_BROKER_ADDRESS=127.0.0.1:$RABBITMQ_PORT
    export SHOP_BROKER_HOSTS=${CLUSTER:+127.0.0.1:$RABBITMQ_PORT,127.0.0.1:$RABBITMQ_2_PORT,127.0.0.1:$RABBITMQ_3_PORT}
    export SHOP_REDIS_ADDRESS=127.0.0.1:$REDIS_PORT
    export SHOP_SMTP_HOST=127.0.0.1 SHOP_SMTP_PORT=$MAIL_SMTP_PORT
    local name variable
    for name in "${SERVICES[@]}"; do
        variable=$(port_variable "$name")
        export "SHOP_${variable%_PORT}_ADDRESS=127.0.0.1:${!variable:?}"
        ! keeps_nothing "$name" || export "SHOP_${variable%_PORT}_DATA=$STATE/$name"
    done
    export SHOP_SANDBOX_ADDRESS=127.0.0.1:$PAYMENT_SANDBOX_PORT
    export SHOP_SANDBOX_DATA=$STATE/payment-sandbox
    export SHOP_CERT_DIR=${SSL_CERT_DIR:-/etc/ssl/certs}
    export SHOP_PROBE=''                    # only a container needs a port for it
    for name in "${SERVICES[@]}"; do
        variable=$(port_variable "$name")
        export "$(metrics_port_variable "$name")=$((${!variable} + 1000))"
    done
    [ -z "${CLUSTER:-}" ] || export_replicas
}

# The gateway has the ports of the services, and each replica one of its own.
export_replicas() {
    local name variable replica number port addresses
    for name in "${SERVICES[@]}"; do
        ! keeps_nothing "$name" || continue
        variable=$(port_variable "$name") addresses=
        for ((number = 1; number <= REPLICAS; number++)); do
            replica=$(port_variable "$name-$number")
            port=$((${!variable} + 100 * number))
            export "$replica=${!replica:-$port}"
            export "$(metrics_port_variable "$name-$number")=$((${!replica} + 1000))"
            addresses=$addresses${addresses:+,}http${TLS:+s}://127.0.0.1:${!replica}
        done
        export "SHOP_${variable%_PORT}_REPLICAS=$addresses"
    done
    export SHOP_GATEWAY_ADDRESS=127.0.0.1:$GATEWAY_PORT SHOP_GATEWAY_TRUSTED=127.0.0.1 SHOP_GATEWAY_HOPS=1
}

# environment_of FILE...: the lines of deploy/env/FILE.env with their variables filled in, as an array in `environment`.
environment_of() {
    local file line value
    environment=()
    for file; do
        while IFS= read -r line || [ -n "$line" ]; do
            [[ $line =~ ^([A-Za-z_][A-Za-z0-9_]*)=(.*)$ ]] || continue
            eval "value=\"${BASH_REMATCH[2]}\""
            case $value in *//0.0.0.0*) die "${BASH_REMATCH[1]} of deploy/env/$file.env would open $value to everybody." "In local mode its address comes from export_local_addresses." ;; esac
            environment+=("${BASH_REMATCH[1]}=$value")
        done <"$ROOT/deploy/env/$file.env"
    done
}

port_variable() { printf '%s_PORT' "$1" | tr 'a-z-' 'A-Z_'; }
metrics_port_variable() { port_variable "$1-metrics"; }

# ── Mode ──────────────────────────────────────────────────────────────────────────────────────────────────────────

# limited SECONDS COMMAND...: ends what hangs; macOS has no `timeout`
limited() {
    local seconds=$1 pid i
    shift
    if has timeout; then timeout --kill-after=2 "$seconds" "$@"; return; fi
    "$@" &
    pid=$!
    for ((i = 0; i < seconds * 10; i++)); do
        kill -0 "$pid" 2>/dev/null || { wait "$pid"; return; }
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 124
}

# An engine that is asleep, or somewhere else and silent, is none.
engine_answers() { has docker && limited 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

choose_mode() {
    case ${MODE:-} in
        docker)
            engine_answers || die "MODE=docker, but no Docker engine answers." \
                "Start it (or add yourself to its group), or use: make up MODE=local" ;;
        local) ;;
        '')
            # What runs already decides, then where the data is, then whether there is a Docker engine.
            if [ -d "$STATE/run" ] && any_alive; then MODE=local
            elif [ -s "$STATE/mode" ]; then
                MODE=$(cat "$STATE/mode")
                [ "$MODE" = local ] || engine_answers ||
                    die "The data of this folder is in containers, and no Docker engine answers." \
                        "Start the engine; or begin anew without containers: make up MODE=local"
            elif engine_answers; then MODE=docker
            else MODE=local; fi ;;
        *) die "MODE is '$MODE'; it can be docker or local." ;;
    esac
    [ -z "${REDIS:-}" ] || export COMPOSE_PROFILES=${COMPOSE_PROFILES:+$COMPOSE_PROFILES,}redis
    observe
    if [ "$MODE" = docker ]; then
        if [ -n "${POSTGRES_REPLICA:-}" ]; then
            export COMPOSE_PROFILES=${COMPOSE_PROFILES:+$COMPOSE_PROFILES,}replica SHOP_DB_HOST=postgres,postgres-replica
        fi
        docker compose version >/dev/null 2>&1 || die "docker has no 'compose' command." \
            "Install the package docker-compose-plugin (or docker-compose-v2), or use: make up MODE=local"
        choose_project
    fi
}

# After `make observe`, until `make down`: services serve /metrics, and send traces and logs to the dashboard, unless .env has them sent elsewhere.
observe() {
    [ -e "$STATE/observed" ] || return 0
    export METRICS=true COMPOSE_PROFILES=${COMPOSE_PROFILES:+$COMPOSE_PROFILES,}observability
    [ -z "$OTEL_EXPORTER_OTLP_ENDPOINT" ] || return 0
    local trace='traces/detail/{traceId}'
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$OTLP_PORT
    if [ "$MODE" = docker ]; then
        OTEL_EXPORTER_OTLP_ENDPOINT=http://telemetry:4317
        # Grafana's address of a trace is a query in JSON, of which nothing but the place of the id is left as it is.
        trace='explore?schemaVersion=1&orgId=1&panes=%7B%22t%22:%7B%22datasource%22:%22tempo%22,%22queries%22:%5B%7B%22refId%22:%22A%22,%22datasource%22:%7B%22type%22:%22tempo%22,%22uid%22:%22tempo%22%7D,%22queryType%22:%22traceql%22,%22query%22:%22{traceId}%22%7D%5D,%22range%22:%7B%22from%22:%22now-24h%22,%22to%22:%22now%22%7D%7D%7D'
    fi
    [ -n "$TRACE_URL" ] || TRACE_URL=http://127.0.0.1:$TELEMETRY_PORT/$trace
    export OTEL_EXPORTER_OTLP_ENDPOINT TRACE_URL
}

# What Compose made from this folder, of whatever name.
own_containers() { docker ps --all --filter "label=com.docker.compose.project.working_dir=$ROOT" --format '{{.Label "com.docker.compose.project"}}' | sort -u; }

# folders_of PROJECT: from which folders its containers were made
folders_of() { docker ps --all --filter "label=com.docker.compose.project=$1" --format '{{.Label "com.docker.compose.project.working_dir"}}' | sort -u; }

# The project is called what a bare `docker compose up` calls it, after the folder, unless that name is somebody else's on this engine.
choose_project() {
    local name other
    if [ -z "${COMPOSE_PROJECT_NAME:-}" ]; then
        name=$(own_containers | head -n 1)
        [ -n "$name" ] || name=$(cat "$STATE/project" 2>/dev/null || true)
        if [ -z "$name" ]; then
            name=$(basename "$ROOT" | LC_ALL=C tr 'A-Z' 'a-z' | LC_ALL=C tr -cd 'a-z0-9_-' | sed 's/^[_-]*//')
            if [ -z "$name" ] || [ -n "$(docker ps --all --quiet --filter "label=com.docker.compose.project=$name")" ] ||
                [ -n "$(docker volume ls --quiet --filter "label=com.docker.compose.project=$name")" ]; then
                name=${name:-shop}-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)
            fi
        fi
        # Two folders of one name, one of them started without make: whatever is done to the project is done to both.
        other=$(folders_of "$name" | grep -vxF "$ROOT" | head -n 1 || true)
        [ -z "$other" ] || die "The containers called $name are those of $other, and this folder once had containers of that name." \
            "Give one of the two a name of its own: COMPOSE_PROJECT_NAME=... in its .env"
        export COMPOSE_PROJECT_NAME=$name
    fi
}

# ── Processes: only what we started, known by process id and start time ───────────────────────────────────────────

# The clock tick at which a process began: with its id, it names one process for ever. One that only waits to be buried has none.
started_at() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086  # the fields after the command's name, which may hold blanks itself
    set -- ${stat##*) }
    [ "$1" != Z ] && printf '%s' "${20}"
}

# start NAME COMMAND...: detached, in a session of its own, output to logs/NAME.log
start() {
    local name=$1 pid
    shift
    mkdir -p "$STATE/run" "$STATE/logs"
    printf '\n── %s ── start\n' "$(date -u +%FT%TZ)" >>"$STATE/logs/$name.log"
    setsid "$@" >>"$STATE/logs/$name.log" 2>&1 </dev/null 9>&- &
    pid=$!
    disown "$pid"
    printf '%s %s\n' "$pid" "$(started_at "$pid")" >"$STATE/run/$name.pid"
}

# supervise NAME ENVIRONMENT... -- COMMAND...: like start, and started again when it ends by itself; with just these variables
supervise() {
    local name=$1 variables=() i
    shift
    while [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    shift
    stop "$name"
    start "$name.supervisor" env -i "${variables[@]}" SHOP_ENVIRONMENT=clean "SHOP_STATE=$STATE" "$ROOT/deploy/local/supervise.sh" "$name" "$@"
    for ((i = 0; i < 100; i++)); do
        [ ! -s "$STATE/run/$name.pid" ] || return 0
        sleep 0.05
    done
    die "$name could not be started." "See $STATE/logs/$name.supervisor.log."
}

# pid_of NAME: prints it if it still is the process that we started
pid_of() {
    local pid since
    [ -f "$STATE/run/$1.pid" ] && read -r pid since <"$STATE/run/$1.pid" && [ -n "$since" ] || return 1
    [ "$(started_at "$pid")" = "$since" ] || return 1
    printf '%s' "$pid"
}
alive() { pid_of "$1" >/dev/null; }
any_alive() {
    local file
    for file in "$STATE"/run/*.pid; do
        [ -f "$file" ] && alive "$(basename "$file" .pid)" && return 0
    done
    return 1
}

# stop NAME [SIGNAL [SECONDS]]: asks first, insists later
stop() {
    local name=$1 signal=${2:-TERM} seconds=${3:-30} pid i
    [ ! -f "$STATE/run/$name.supervisor.pid" ] || stop "$name.supervisor"
    if pid=$(pid_of "$name"); then
        kill "-$signal" "$pid" 2>/dev/null || as_root kill "-$signal" "$pid" 2>/dev/null || true
        for ((i = 0; i < seconds * 10; i++)); do
            alive "$name" || break
            sleep 0.1
        done
        if alive "$name"; then
            warn "$name did not end within $seconds s; it is killed"
            kill -KILL "$pid" 2>/dev/null || as_root kill -KILL "$pid" 2>/dev/null || true
        fi
    fi
    rm -f "$STATE/run/$name.pid"
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif has sudo; then sudo -n "$@"; else return 1; fi; }

# ── Ports and probes ──────────────────────────────────────────────────────────────────────────────────────────────

connects() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# http_ok PORT PATH: 0 if a GET answers 200. Needs nothing but bash.
http_ok() {
    local status
    status=$(timeout 5 bash -c '
        exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 1
        printf "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" "$1" >&3
        read -r _ status _ <&3 && printf %s "$status"' "$1" "$2" 2>/dev/null) || return 1
    [ "$status" = 200 ]
}

# own_ok PORT PATH: the same of what speaks TLS where TLS=true; then it needs curl
own_ok() {
    if [ -n "${TLS:-}" ]; then curl -fs --noproxy '*' --max-time 5 --cacert "$STATE/tls/clients/trusted/ca.crt" --output /dev/null "https://127.0.0.1:$1$2"
    else http_ok "$@"; fi
}

# unready_checks NAME: what a service says is wrong with it, a line for each of its checks that fail
unready_checks() {
    local variable
    variable=$(port_variable "$1")
    if [ -n "${TLS:-}" ]; then curl -s --noproxy '*' --max-time 5 --insecure "https://127.0.0.1:${!variable}/health/ready"
    else
        limited 5 bash -c '
            exec 3<>"/dev/tcp/127.0.0.1/$0" || exit 1
            printf "GET /health/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" >&3
            cat <&3' "${!variable}" 2>/dev/null
    fi |
        grep -o '"[a-z-]*":{"status":"unhealthy","detail":"[^"]*"' |
        sed -e 's/^"\([^"]*\)".*"detail":"\(.*\)"$/'"$1"', \1: \2/' -e "s/\\\\u0027/'/g" | cut -c 1-400 || true
}

# owner_of PORT: who listens there, as far as we may see it
owner_of() {
    local hex inode fd pid
    if [ ! -r /proc/net/tcp ]; then
        pid=$(lsof -nP -t -iTCP:"$1" -sTCP:LISTEN 2>/dev/null | head -n 1)
        [ -n "$pid" ] && printf '%s (process %s)' "$(ps -o comm= -p "$pid" | cut -c1-60)" "$pid"
        return
    fi
    hex=$(printf '%04X' "$1")
    inode=$(awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p { print $10; exit }' /proc/net/tcp /proc/net/tcp6 2>/dev/null)
    [ -n "$inode" ] || return 1
    fd=$(find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -print -quit 2>/dev/null)
    [ -n "$fd" ] || return 1
    pid=${fd#/proc/} pid=${pid%%/*}
    printf '%s (process %s)' "$(tr '\0' ' ' <"/proc/$pid/cmdline" | cut -c1-60 | sed 's/ *$//')" "$pid"
}

# need_port VARIABLE WHAT: the port must be free, else says who has it and which variable moves it
need_port() {
    local port=${!1} owner i
    # A process that was just killed may hold its port for a moment longer than its name.
    for ((i = 0; i < 15; i++)); do
        connects "$port" || return 0
        sleep 0.2
    done
    owner=$(owner_of "$port") || owner="another program"
    die "Port $port, wanted for $2, is taken by $owner." \
        "Free it, or choose another in .env (cp .env.example .env) or for this call: make ${MAKE_TARGET:-up} ${PORT_PREFIX:-}$1=$(free_port "$port")"
}

# free_port NEAR: one that nobody listens on, that no other setting names, and that outgoing connections do not use
free_port() {
    local port=$(($1 % 20000 + 10000))
    while connects "$port" || compgen -v | grep '_PORT$' | while IFS= read -r name; do printf '%s\n' "${!name}"; done | grep -qx "$port"; do
        port=$((port + 1))
    done
    printf '%s' "$port"
}

# end_of_log NAME: no more than a screen, however long its lines are
end_of_log() { tail -n 8 "$STATE/logs/$1.log" | cut -c 1-240 >&2; }

# wait_until SECONDS WHAT NAME COMMAND...: polls; gives up early when the process NAME has ended
wait_until() {
    local deadline=$((SECONDS + $1)) what=$2 name=$3
    shift 3
    until "$@"; do
        if [ "$name" != - ] && ! alive "$name"; then
            end_of_log "$name"
            die "$what ended instead of getting ready. The end of $STATE/logs/$name.log is above."
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            [ "$name" = - ] || end_of_log "$name"
            die "$what is not ready in time." "Its log: $STATE/logs/$name.log"
        fi
        sleep 0.15
    done
}

need_disk() {
    local free
    mkdir -p "$STATE" 2>/dev/null || die "Cannot write to $STATE." "Clone the project into a folder of your own, or run as its owner."
    free=$(df -Pk "$STATE" | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge "${1:-1500}" ] || die "Only $free MB free on the disk of $STATE; about ${1:-1500} MB are needed." \
        "Free some space, or clone the project to a larger disk."
}

# One `make` at a time: file descriptor 9 holds the lock until the script ends.
take_lock() {
    mkdir -p "$STATE/run"
    has flock || return 0
    exec 9>"$STATE/run/lock"
    flock -n 9 || { note "another make is at work here, waiting for it …"; flock 9; }
}

# ── Builds ────────────────────────────────────────────────────────────────────────────────────────────────────────

# Whether a package source of this machine has advisories. A mirror may have none, and a restore from it finds no package vulnerable without a word.
advisories_are_here() {
    local source
    while IFS= read -r source; do
        curl -fsSL --max-time 10 "$source" 2>/dev/null | grep -q VulnerabilityInfo && return 0
    done < <(cd "$ROOT" && dotnet nuget list source --format short | sed -n 's/^E *\(https.*\)/\1/p')
    return 1
}

# What is built goes on without them, and says so once; NUGET_AUDIT_OFFLINE=true is the answer given beforehand.
heed_advisories() {
    [ -z "${NUGET_AUDIT_OFFLINE:-}" ] && has curl || return 0
    advisories_are_here || warn "packages are not checked for vulnerabilities: no package source of this machine has advisories (NUGET_AUDIT_OFFLINE=true: it is known)"
}

# dotnet_build PROJECT [ARGUMENT]...: with a compiler server of its own, which makes it several times faster, and which ends with it.
dotnet_build() {
    local id=shop-$$-$RANDOM status=0 file
    (cd "$ROOT" && env -u MSBUILDDISABLENODEREUSE DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 \
        dotnet build "$@" --nologo --verbosity quiet -nodeReuse:false -p:UseSharedCompilation=true -p:SharedCompilationId="$id" 9>&-) || status=$?
    while IFS= read -r file; do
        file=${file#/proc/}
        kill "${file%%/*}" 2>/dev/null || true
    done < <(grep -lsa -e "-pipename:$id" /proc/[0-9]*/cmdline)
    return "$status"
}
