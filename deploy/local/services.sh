# Builds the services and the payment sandbox, and runs them as processes. Sourced.
# shellcheck shell=bash

# The project is called after the service: services/orders/Orders/Orders.csproj.
project_of() {
    local name
    case $1 in
        payment-sandbox) echo deploy/payment-sandbox/PaymentSandbox.csproj; return ;;
        gateway) echo deploy/gateway/Gateway.csproj; return ;;
    esac
    name=$(printf '%s' "${1:0:1}" | tr a-z A-Z)${1:1}
    echo "services/$1/$name/$name.csproj"
}
PROGRAMS=(payment-sandbox "${SERVICES[@]}" ${CLUSTER:+gateway})

# processes_of PROGRAM: with CLUSTER=1 orders-1, orders-2 and so on, but for what there is one of in any case
processes_of() {
    local number
    if [ -z "${CLUSTER:-}" ] || [ "$1" = payment-sandbox ] || [ "$1" = gateway ] || keeps_nothing "$1"; then printf '%s\n' "$1"; return; fi
    for ((number = 1; number <= ${REPLICAS:-2}; number++)); do printf '%s-%s\n' "$1" "$number"; done
}
program_named() { case $1 in *-[1-9]) printf '%s' "${1%-[1-9]}" ;; *) printf '%s' "$1" ;; esac; }

PROCESSES=()
for shop_name in "${PROGRAMS[@]}"; do
    while IFS= read -r shop_process; do PROCESSES+=("$shop_process"); done < <(processes_of "$shop_name")
done

need_dotnet() {
    local band
    band=$(sed -n 's/.*"version": *"\([0-9]*\.[0-9]*\).*/\1/p' "$ROOT/global.json")
    has dotnet || die "The .NET SDK $band is missing." \
        "Get it from https://dotnet.microsoft.com/download, or use Docker, which needs no SDK: make up MODE=docker"
    (cd "$ROOT" && dotnet --version >/dev/null 2>&1) || die "There is a dotnet, but no SDK $band that global.json accepts." \
        "Get it from https://dotnet.microsoft.com/download. Found: $(cd / && dotnet --list-sdks | tr '\n' ' ')"
}

# What the binaries are made from; whoever changes none of it waits for no build.
sources() {
    (cd "$ROOT" && find contracts chassis services deploy/payment-sandbox ${CLUSTER:+deploy/gateway} tests/Demo Directory.*.props global.json deploy/local/System.proj \
        \( -name bin -o -name obj -o -name tests -o -name journey -o -name node_modules -o -name "Contracts.*" -o -name sample \) -prune -o -type f -printf '%p %s %T@\n' | sort | sha256sum)
}

up_to_date() { [ "$(cat "$STATE/app/built-from" 2>/dev/null)" = "$(sources)" ]; }

# Into bin/ first, then as a whole to .local/app: a build that fails leaves what runs alone.
build_services() {
    local name project before
    before=$(sources)
    dotnet_build deploy/local/System.proj --configuration Release ${CLUSTER:+-p:Gateway=true} >"$STATE/logs/build.log" 2>&1 || {
        grep -E 'error|warn' "$STATE/logs/build.log" | sort -u | head -n 15 >&2
        die "The build failed; all of it is in $STATE/logs/build.log."
    }
    rm -rf "$STATE/app.new"
    for name in "${PROGRAMS[@]}"; do
        project=$(project_of "$name")
        mkdir -p "$STATE/app.new/$name"
        cp -a "$ROOT/$(dirname "$project")/bin/Release/net10.0/." "$STATE/app.new/$name/"
    done
    mkdir -p "$STATE/app.new/demo"
    cp -a "$ROOT/tests/Demo/bin/Release/net10.0/." "$STATE/app.new/demo/"
    printf '%s' "$before" >"$STATE/app.new/built-from"
}

# swap_services: the new binaries take the place of the old ones, whose processes end first
swap_services() {
    [ -d "$STATE/app.new" ] || return 0
    stop_services
    rm -rf "$STATE/app"
    mv "$STATE/app.new" "$STATE/app"
}

# inherit: what processes take over of the caller's shell, as an array in `inherited`; Section__Key variables pass through.
inherit() {
    local variable
    inherited=()
    for variable in PATH HOME LANG TZ TMPDIR DOTNET_ROOT SSL_CERT_FILE; do
        [ -z "${!variable+set}" ] || inherited+=("$variable=${!variable}")
    done
    while IFS= read -r variable; do inherited+=("$variable=${!variable}"); done < <(compgen -e | grep '__' || true)
}

program_of() { printf '%s.dll' "$(basename "$(project_of "$1")" .csproj)"; }

# The service sees its own settings and no other's.
start_service() {
    local name=$1 program metrics variable
    alive "$name" && return 0
    program=$(program_named "$name") variable=$(port_variable "$name")
    need_port "$variable" "$name"
    metrics=$(metrics_port_variable "$name")
    [ -z "$METRICS" ] || [ -z "${!metrics:-}" ] || need_port "$metrics" "the metrics of $name"
    export SHOP_METRICS_ADDRESS=127.0.0.1:${!metrics:-}
    inherit
    export SHOP_TLS=$STATE/tls/$program
    if [ "$name" = payment-sandbox ] || [ "$name" = gateway ]; then
        environment_of "$name"
    elif keeps_nothing "$program" || [ "$name" != "$(processes_of "$program" | sed -n 1p)" ]; then
        environment_of common "$program"
    else
        # Brings the database up to date and ends, with a password that the service itself does not have. The service waits for it.
        stop "$name.migrations"
        environment_of common "$program" "$program.migrations"
        (cd "$STATE/app/$program" && start "$name.migrations" env -i "${environment[@]}" "${inherited[@]}" dotnet "$(program_of "$program")" --migrate)
        environment_of common "$program"
    fi
    [ "$name" = "$program" ] || environment+=("ASPNETCORE_URLS=http${TLS:+s}://127.0.0.1:${!variable}")
    (cd "$STATE/app/$program" && supervise "$name" "${environment[@]}" "${inherited[@]}" -- dotnet "$(program_of "$program")")
}

service_ready() { local variable; variable=$(port_variable "$1"); own_ok "${!variable}" /health/ready; }

start_services() { local name; for name in "${PROCESSES[@]}"; do start_service "$name"; done; }

await_service() { (wait_until 90 "$1" "$1" service_ready "$1") || { unready_checks "$1" | sed 's/^/       /' >&2; exit 1; }; }

await_services() { local name; for name in "${PROCESSES[@]}"; do await_service "$name"; done; }

# All are asked at once: each drains what it has begun, which takes as long as the slowest of them.
stop_services() {
    local name pid
    for name in "${PROCESSES[@]}"; do
        stop "$name.supervisor"
        stop "$name.migrations"
        pid=$(pid_of "$name") && kill -TERM "$pid" 2>/dev/null
    done
    for name in "${PROCESSES[@]}"; do stop "$name" TERM 30; done
}
