#!/usr/bin/env bash
# What users' machines do to the set-up, one case for each kind: inherited environments, folders, values, neighbours, things cut off.
#   setup.sh              the cases that need nothing
#   setup.sh servers      those as well that start servers, in folders of their own
#   setup.sh containers   two clones on one engine
# One line "ok NAME" or "not ok NAME" each, as checks.sh has it.
set -uo pipefail
root=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/.." && pwd -P)
work=$(mktemp -d)
broken=0 complete=no
# As in a terminal of its own: `make test`, which runs this, has its settings exported.
unset SHOP_ENVIRONMENT SHOP_STATE COMPOSE_PROJECT_NAME MAKE_TARGET MODE MAKEFLAGS MAKELEVEL MFLAGS ${!TEST_@}
for name in $(sed -n 's/^\([A-Z_]*\)=.*/\1/p' "$root/.env.example"); do unset "$name"; done
finish() {
    local folder
    [ ! -f "$work/listeners" ] || xargs kill <"$work/listeners" 2>/dev/null
    for folder in "$work"/*/*/deploy "$work"/*/deploy; do
        [ -d "$folder" ] || continue
        folder=${folder%/deploy}
        SHOP_STATE=$folder/.local/probe "$folder/deploy/down.sh" --clean >/dev/null 2>&1
    done
    rm -rf "$work"
    [ "$complete" = yes ] || echo 'not ok the cases of the set-up broke off'
}
trap finish EXIT
trap 'exit 130' INT TERM

check() {    # check NAME COMMAND...: the command prints what is wrong, and nothing otherwise
    local name=$1 found
    shift
    found=$("$@" 2>&1)
    if [ -z "$found" ]; then printf 'ok %s\n' "$name"
    else broken=$((broken + 1)); printf 'not ok %s\n' "$name"; printf '%s\n' "$found" | head -n 40 | sed 's/^/    /'; fi
}

# copy_to FOLDER: the scripts and the settings, as somebody with a strict umask has them
copy_to() {
    mkdir -p "$1"
    (cd "$root" && umask 077 && tar -c --exclude tests --exclude bin --exclude obj deploy services/*/service.json .env.example Makefile) | (umask 077 && tar -x -C "$1" --no-same-permissions)
}

# with FOLDER CODE: what a script of the project in FOLDER says that runs CODE
with() {
    printf '. "%s/deploy/local/lib.sh"\nload_settings\n%s\n' "$1" "$2" >"$1/probe.sh"
    bash "$1/probe.sh"
}

# listen PORT-FILE: something that takes a port and says nothing
listen() {
    python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1000)
open(sys.argv[1], "w").write(str(s.getsockname()[1])); time.sleep(600)' "$1" >/dev/null 2>&1 &
    echo $! >>"$work/listeners"
    until [ -s "$1" ]; do sleep 0.05; done
}

expect() { [ "$2" = "$3" ] || printf '%s: expected %s, was %s\n' "$1" "$3" "$2"; }

# ── What a shell has inherited ────────────────────────────────────────────────────────────────────────────────────

inherited() {
    local folder=$work/inherited seen
    copy_to "$folder"
    seen=$(umask 077; cd "$folder/deploy" && env LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 "CDPATH=.:$folder:$HOME" PGHOST=192.0.2.1 PGHOSTADDR=192.0.2.1 PGSERVICE=prod PGSSLMODE=require \
        PLATFORM=x64 Platform=x64 Configuration=Debug GREP_OPTIONS=-v POSIXLY_CORRECT=1 BASH_ENV=/nonexistent http_proxy=http://192.0.2.1:9 INVENTORY_PORT=4711 Messaging__Concurrency=3 \
        bash -c '. /dev/stdin; with "$1" "env; umask; say ROOT=\$ROOT"' _ "$folder" <<<"$(declare -f with)" 2>/dev/null)
    expect 'the locale' "$(sed -n 's/^LC_ALL=//p' <<<"$seen")" C
    expect 'the folder' "$(sed -n 's/^ROOT=//p' <<<"$seen")" "$folder"
    expect 'the umask' "$(tail -n 2 <<<"$seen" | head -n 1)" 0022
    expect 'a setting from the shell' "$(sed -n 's/^INVENTORY_PORT=//p' <<<"$seen")" 4711
    expect 'a finer knob from the shell' "$(sed -n 's/^Messaging__Concurrency=//p' <<<"$seen")" 3
    expect 'a setting of .env.example' "$(sed -n 's/^ORDERS_PORT=//p' <<<"$seen")" 8082
    grep -E '^(PG|PLATFORM|Platform|Configuration|GREP_OPTIONS|POSIXLY|LANG|CDPATH|BASH_ENV)' <<<"$seen" | sed 's/^/inherited: /'
    grep -q '^no_proxy=127.0.0.1,localhost' <<<"$seen" || echo 'the machine itself is asked through the proxy'
}

# ── Line endings ──────────────────────────────────────────────────────────────────────────────────────────────────

windows_clone() {
    command -v git >/dev/null && git -C "$root" rev-parse --verify --quiet HEAD >/dev/null || { grep -q 'eol=lf' "$root/.gitattributes" || echo 'no .gitattributes'; return; }
    git -c core.autocrlf=true -c core.eol=crlf clone --quiet "$root" "$work/windows" || return
    (cd "$work/windows" && grep -rlI $'\r$' --include='*.sh' --include='*.env' --include='*.yml' --include='*.conf' --include='*.sql' --include='.env.example' --include=Makefile --include=Dockerfile .)
}

# ── Values ────────────────────────────────────────────────────────────────────────────────────────────────────────

values() {
    local folder=$work/values odd="a/b+c= @%:;#\$HOME \\\"{}<>&|*?~\`!ä" seen
    copy_to "$folder"
    printf "ORDERS_DB_PASSWORD='%s'\nORDERS_BROKER_PASSWORD='%s'\r\n  export MAIL_FROM=\"a b\"   \nSHOP_NAME=one two # three" "$odd" "$odd" >"$folder/.env"
    seen=$(with "$folder" 'export_local_addresses; environment_of orders; printf "%s\n" "${environment[@]}"; env')
    expect 'the password of the database' "$(sed -n 's/^Database__Password=//p' <<<"$seen")" "$odd"
    expect 'the password of the broker' "$(sed -n 's/^RabbitMq__Password=//p' <<<"$seen")" "$odd"
    expect 'a value in double quotes' "$(sed -n 's/^MAIL_FROM=//p' <<<"$seen")" 'a b'
    expect 'a value before a comment, in a last line without end' "$(sed -n 's/^SHOP_NAME=//p' <<<"$seen")" 'one two'
    grep -E '^(ConnectionStrings__|RabbitMq__Uri)' <<<"$seen" | grep -F -e "$odd" | sed 's/^/pasted: /'
    with "$folder" 'sh "$ROOT/deploy/rabbitmq/render.sh"' | python3 -c '
import json, sys
user = next(u for u in json.load(sys.stdin)["users"] if u["name"] == "orders")
if user["password"] != sys.argv[1]: print("the definitions of the broker have", user["password"])' "$odd"
}

# ── Secrets ───────────────────────────────────────────────────────────────────────────────────────────────────────

secrets() {
    local folder=$work/secrets first name
    copy_to "$folder"
    printf 'OPERATOR_PASSWORD=of-my-own\nUSERS_DB_PASSWORD=\nSHOP_NAME=Shop' >"$folder/.env"
    chmod 644 "$folder/.env"
    (cd "$folder" && make --no-print-directory secrets) >/dev/null || return
    first=$(<"$folder/.env")
    expect 'a value that was set' "$(grep -c '^OPERATOR_PASSWORD=' "$folder/.env") $(with "$folder" 'say "$OPERATOR_PASSWORD"')" '1 of-my-own'
    expect 'a line without end' "$(with "$folder" 'say "$SHOP_NAME"')" Shop
    expect 'TLS' "$(with "$folder" 'say "$TLS"')" true
    expect 'the limit of requests' "$(with "$folder" 'say "$RATE_LIMIT_PERMITS"')" 600
    expect 'who may read it' "$(stat -c %a "$folder/.env")" 600
    for name in $(sed -nE 's/^([A-Z_]+_(PASSWORD|SECRET))=.+/\1/p' "$folder/.env.example"); do
        [ "$name" = OPERATOR_PASSWORD ] || with "$folder" "say \"\$$name\"" | grep -Eqx '[0-9a-f]{48}' || echo "$name has no random value"
    done
    sed -n 's/^[A-Z_]*=\([0-9a-f]\{48\}\)$/\1/p' "$folder/.env" | sort | uniq -d | sed 's/^/twice: /'
    (cd "$folder" && make --no-print-directory secrets) >/dev/null || return
    expect 'the second time' "$(<"$folder/.env")" "$first"
    mkdir -p "$folder/.local" && : >"$folder/.local/mode"
    rm "$folder/.env"
    (cd "$folder" && make --no-print-directory secrets) >/dev/null 2>&1 && echo 'data of other secrets was made unreadable'
    [ ! -e "$folder/.env" ] || echo 'it wrote secrets beside data of others'
}

# ── A service that ends by itself ─────────────────────────────────────────────────────────────────────────────────

supervised() {
    local folder=$work/supervised seen=$work/supervised/seen i
    copy_to "$folder"
    # Its first life is short.
    with "$folder" 'supervise probe "PATH=$PATH" SECRET=of-a-service "SEEN=$ROOT/seen" -- \
        bash -c "echo \"\$SECRET\$SHOP_ENVIRONMENT\" >>\"\$SEEN\"; [ \$(wc -l <\"\$SEEN\") = 1 ] || exec sleep 600"'
    for ((i = 0; i < 600; i++)); do
        [ ! -s "$seen" ] || [ "$(wc -l <"$seen")" = 1 ] || ! with "$folder" 'alive probe' || break
        sleep 0.1
    done
    expect 'the environment' "$(sort -u "$seen")" of-a-service
    with "$folder" 'tr "\0" " " <"/proc/$(pid_of probe.supervisor)/cmdline"' | grep 'of-a-service' | sed 's/^/everybody can read: /'
    with "$folder" 'pid=$(pid_of probe); stop probe KILL; started_at "$pid" >/dev/null && say "it still runs"; alive probe.supervisor && say "it would come back"; true'
    expect 'lives' "$(wc -l <"$seen")" 2
}

# ── Neighbours ────────────────────────────────────────────────────────────────────────────────────────────────────

# The advice for a taken port is followed, and must hold: nobody listens there, and no other setting names it.
taken_port() {
    local folder=$work/ports port said
    copy_to "$folder"
    listen "$work/port"
    port=$(<"$work/port")
    said=$(RABBITMQ_PORT=$port RABBITMQ_MANAGEMENT_PORT=$((port % 20000 + 10000)) with "$folder" 'need_port RABBITMQ_PORT RabbitMQ' 2>&1) && echo "port $port was not seen to be taken"
    said=$(sed -n 's/.*make up RABBITMQ_PORT=\([0-9]*\).*/\1/p' <<<"$said")
    [ -n "$said" ] || { echo 'no advice'; return; }
    [ "$said" != $((port % 20000 + 10000)) ] || echo "the advice is the port of the management UI"
    RABBITMQ_PORT=$said with "$folder" 'need_port RABBITMQ_PORT RabbitMQ'
}

silent_engine() {
    local folder=$work/engine
    copy_to "$folder"
    mkdir "$folder/bin"
    printf '#!/bin/sh\ntouch "$0.asked"\nexec sleep 900\n' >"$folder/bin/docker"
    chmod +x "$folder/bin/docker"
    # Whoever waits for its answer waits a quarter of an hour, and then takes it for one; how soon it is given up is the machine's business.
    PATH=$folder/bin:$PATH with "$folder" '! engine_answers || say "an engine that says nothing was taken for one"'
    [ -e "$folder/bin/docker.asked" ] || echo 'nobody asked the engine'
}

# Two clones in folders with every legal kind of name, started by somebody with a strict umask; one is cut off, killed and cleaned beside the other.
two_clones() {
    local one="$work/C#/a b & (c) %d ä" two=$work/two ports
    copy_to "$one"
    copy_to "$two"
    (umask 077; cd / && "$one/deploy/local/servers.sh" probe start postgres && "$one/deploy/local/servers.sh" probe start rabbitmq) >"$work/one.log" 2>&1 || { tail -n 5 "$work/one.log"; return; }
    (umask 077; timeout --signal=KILL 2 "$two/deploy/local/servers.sh" probe start postgres) >"$work/two.log" 2>&1
    (umask 077; "$two/deploy/local/servers.sh" probe start postgres && "$two/deploy/local/servers.sh" probe start rabbitmq) >>"$work/two.log" 2>&1 || { echo 'after a start that was cut off:'; tail -n 5 "$work/two.log"; return; }
    ports=$(grep -hE '^(POSTGRES|RABBITMQ)' "$one/.local/probe/ports" "$two/.local/probe/ports" | sed 's/.*=//' | sort | uniq -d)
    [ -z "$ports" ] || echo "both have the ports" $ports
    awk -F= '$2 >= 32768 { print $1 " is among the ports of outgoing connections" }' "$two/.local/probe/ports"
    SHOP_STATE=$two/.local/probe "$two/deploy/down.sh" --clean >"$work/down.log" 2>&1 || tail -n 5 "$work/down.log"
    ! pgrep -f "$two/.local" >/dev/null || { echo 'left running:'; pgrep -af "$two/.local"; }
    (eval "$("$one/deploy/local/servers.sh" probe env)" && printf '%s\n' "$TEST_POSTGRES" | grep -q Port) || echo 'no settings for tests'
    with "$one" 'STATE=$STATE/probe; . "$ROOT/deploy/local/infrastructure.sh"; . "$STATE/ports"; postgres_ready || say "PostgreSQL of the other clone is gone"; alive rabbitmq || say "RabbitMQ of the other clone is gone"'
    (eval "$("$one/deploy/local/servers.sh" probe env)" && curl -fsS --noproxy '*' "$TEST_RABBITMQ_MANAGEMENT/api/users" | grep -q '"name":"orders"') || echo 'the broker has no definitions'
    SHOP_STATE=$one/.local/probe "$one/deploy/down.sh" --clean >"$work/down.log" 2>&1 || tail -n 5 "$work/down.log"
    ! ls / | grep -x erl_crash.dump || :
}

# The servers of TLS=true, as clients of any kind see them.
with_tls() {
    local folder=$work/tls ca ports
    copy_to "$folder"
    (export TEST_TLS=true; "$folder/deploy/local/servers.sh" probe start postgres && "$folder/deploy/local/servers.sh" probe start rabbitmq) >"$work/tls.log" 2>&1 || { tail -n 5 "$work/tls.log"; return; }
    ca=$folder/.local/probe/tls/clients/trusted/ca.crt ports=$folder/.local/probe/ports
    port() { sed -n "s/^$1_PORT=//p" "$ports"; }
    ask_postgres() { PGPASSWORD=postgres PGCONNECT_TIMEOUT=10 psql --no-psqlrc -At "host=127.0.0.1 port=$(port POSTGRES) user=postgres dbname=postgres $1" -c 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()' 2>&1; }
    expect 'PostgreSQL with TLS' "$(ask_postgres "sslmode=verify-full sslrootcert=$ca")" t
    case $(ask_postgres sslmode=disable) in *'no encryption') ;; *) echo 'PostgreSQL takes connections without TLS' ;; esac
    curl -fsS --noproxy '*' --cacert "$ca" --user guest:guest --output /dev/null "https://127.0.0.1:$(port RABBITMQ_MANAGEMENT)/api/overview" || echo 'no management page over TLS'
    ! curl -fs --noproxy '*' --output /dev/null "http://127.0.0.1:$(port RABBITMQ_MANAGEMENT)/" || echo 'the management page is there without TLS'
    for version in tls1_2 tls1_3; do
        openssl s_client -brief "-$version" -verify_return_error -CAfile "$ca" -connect "127.0.0.1:$(port RABBITMQ)" </dev/null >/dev/null 2>&1 || echo "RabbitMQ does not speak $version"
    done
    ! openssl s_client -brief -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256 -connect "127.0.0.1:$(port RABBITMQ)" </dev/null >/dev/null 2>&1 || echo 'RabbitMQ takes weak ciphers'
    # A broker answers this greeting with a frame, which begins with 1.
    [ "$(timeout 10 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0"; printf "AMQP\0\0\11\1" >&3; head -c 1 <&3' "$(port RABBITMQ)" | od -An -tu1 | tr -d ' ')" != 1 ] || echo 'RabbitMQ takes connections without TLS'
    SHOP_STATE=$folder/.local/probe "$folder/deploy/down.sh" --clean >"$work/down.log" 2>&1 || tail -n 5 "$work/down.log"
}

# A broker with a queue of an earlier version: what is in it is counted, and the queue can be deleted. New definitions reach a broker that runs.
older_queues() {
    local folder=$work/older api
    at_its_broker() { with "$folder" 'STATE=$STATE/probe RABBITMQ_NODE=shop-probe; . "$ROOT/deploy/local/infrastructure.sh"; . "$STATE/ports"; at_broker '"$1"; }
    ask() { curl -fsS --noproxy '*' -H 'Content-Type: application/json' "$@"; }
    copy_to "$folder"
    "$folder/deploy/local/servers.sh" probe start rabbitmq >"$work/older.log" 2>&1 || { tail -n 5 "$work/older.log"; return; }
    api=$(eval "$("$folder/deploy/local/servers.sh" probe env)" && printf '%s/api' "$TEST_RABBITMQ_MANAGEMENT")
    ask -X PUT "$api/queues/%2F/orders.commands" -d '{"durable":true,"arguments":{"x-queue-type":"quorum","x-overflow":"reject-publish"}}'
    ask -X PUT "$api/queues/%2F/orders.today" -d '{"durable":true,"arguments":{"x-queue-type":"quorum"}}'
    ask -X PUT "$api/queues/%2F/partner.bounded" -d '{"durable":true,"arguments":{"x-queue-type":"quorum","x-max-length":5}}'
    expect 'an empty queue' "$(at_its_broker queues)" 'orders.commands 0'
    ask "$api/exchanges/%2F/amq.default/publish" -d '{"properties":{},"routing_key":"orders.commands","payload":"one","payload_encoding":"string"}' >/dev/null
    expect 'a queue with a message' "$(at_its_broker queues)" 'orders.commands 1'
    at_its_broker 'delete orders.commands' >/dev/null
    expect 'no queue of an earlier version' "$(at_its_broker queues)" ''
    sed -i 's/"delivery-limit": 20,/"delivery-limit": 7,/' "$folder/deploy/rabbitmq/definitions.json"
    "$folder/deploy/local/servers.sh" probe start rabbitmq >"$work/older.log" 2>&1 || tail -n 5 "$work/older.log"
    ask "$api/policies/%2F/orders" | grep -q '"delivery-limit":7' || echo 'new definitions did not reach a broker that runs'
    SHOP_STATE=$folder/.local/probe "$folder/deploy/down.sh" --clean >"$work/down.log" 2>&1 || tail -n 5 "$work/down.log"
}

# ── Shells ────────────────────────────────────────────────────────────────────────────────────────────────────────

# macOS has bash 3.2 and BSD tools: what the scripts of the container mode may not use. Those that only Linux runs are not looked at.
old_shell() {
    (cd "$root/deploy" && printf '%s\n' ./*.sh local/lib.sh | grep -v '/release\.sh$' | xargs grep -nE 'declare -[gA]|mapfile|readarray|\$\{[A-Za-z_!]+(\^|,)|&>>|\|&|coproc|\$BASHPID|printf .*%\(|date \+%s%N|find [^|]*-printf|readlink -f|grep -P|sed -i ' |
        grep -v '^[^:]*:[0-9]*: *#')
}

# ── Containers ────────────────────────────────────────────────────────────────────────────────────────────────────

# containers_of FOLDER: the ones that Compose made from it
containers_of() { docker ps --all --quiet --filter "label=com.docker.compose.project.working_dir=$1"; }

# clone_to FOLDER PORTS: as Git for Windows makes it, under a strict umask, with ports and passwords of its own
clone_to() {
    local i=0 name
    mkdir -p "${1%/*}"
    (umask 077 && git -c core.autocrlf=true clone --quiet "$root" "$1") || return
    for name in $(sed -n 's/^\([A-Z_]*_PORT\)=.*/\1/p' "$1/.env.example"); do
        printf '%s=%s\n' "$name" $(($2 + i))
        i=$((i + 1))
    done >"$1/.env"
    for name in $(sed -n 's/^\([A-Z_]*_PASSWORD\)=..*/\1/p' "$1/.env.example"); do printf "%s='%s'\n" "$name" "A1/b+c= @%:;#\$H \\\"{}&|$name"; done >>"$1/.env"
}

ready() {    # ready FOLDER: what does not answer
    local name port
    for name in USERS ORDERS INVENTORY NOTIFICATIONS CONSOLE; do
        port=$(sed -n "s/^${name}_PORT=//p" "$1/.env")
        curl -fsS --noproxy '*' --max-time 10 --output /dev/null "http://127.0.0.1:$port/health/ready" || echo "$name does not answer"
    done
}

up() { (cd "$1" && umask 077 && docker compose up --build --wait --quiet-pull) >"$work/up.log" 2>&1 || { tail -n 15 "$work/up.log"; (cd "$1" && docker compose ps --all; docker compose logs --tail 5); return 1; }; }

bare_compose() {
    clone_to "$work/one/C#" 21000 && up "$work/one/C#" && ready "$work/one/C#"
}

changed_passwords() {
    sed -i.old "s/^\([A-Z_]*_PASSWORD=\)'.*/\1'another $RANDOM'/" "$work/one/C#/.env"
    up "$work/one/C#" && ready "$work/one/C#"
}

# Of the same name, so that Compose by itself would take it for the first.
second_clone() {
    local folder=$work/two/C# before postgres
    before=$(containers_of "$work/one/C#" | sort)
    clone_to "$folder" 22000
    # Its first start is cut off while PostgreSQL makes its files.
    (cd "$folder" && MODE=docker exec timeout 600 make --no-print-directory up >"$work/make.log" 2>&1) &
    until postgres=$(docker ps --quiet --filter "label=com.docker.compose.project.working_dir=$folder" --filter label=com.docker.compose.service=postgres) && [ -n "$postgres" ]; do
        kill -0 $! 2>/dev/null || { echo 'make up ended without a database:'; tail -n 10 "$work/make.log"; return; }
        sleep 0.05
    done
    sleep 0.5
    docker kill "$postgres" >/dev/null
    kill $! 2>/dev/null; wait $! 2>/dev/null
    (cd "$folder" && MODE=docker make --no-print-directory up) >"$work/make.log" 2>&1 ||
        { tail -n 10 "$work/make.log"; docker ps --all --quiet --filter "label=com.docker.compose.project.working_dir=$folder" | xargs -n 1 docker logs --tail 4 2>&1; return; }
    ready "$folder"
    [ "$(containers_of "$work/one/C#" | sort)" = "$before" ] || echo 'the containers of the first clone are others now'
    (cd "$folder" && make --no-print-directory clean) >"$work/make.log" 2>&1 || tail -n 10 "$work/make.log"
    [ -z "$(containers_of "$folder")" ] || echo 'make clean left containers'
    ready "$work/one/C#"
}

untouched() {    # a clone that never used containers, and then one whose own are long gone and their name another's
    clone_to "$work/three/C#" 23000
    (cd "$work/three/C#" && make --no-print-directory clean) >"$work/make.log" 2>&1 || tail -n 10 "$work/make.log"
    ready "$work/one/C#"
    mkdir -p "$work/three/C#/.local"
    echo c >"$work/three/C#/.local/project"
    (cd "$work/three/C#" && make --no-print-directory clean) >"$work/make.log" 2>&1 && echo 'the name of another folder was taken for its own'
    grep -q 'COMPOSE_PROJECT_NAME' "$work/make.log" || tail -n 5 "$work/make.log"
    ready "$work/one/C#"
}

if [ "${1:-}" = containers ]; then
    check 'docker compose up in a clone of Git for Windows, in a folder C#, with umask 077 and any passwords' bare_compose
    check 'passwords changed in .env are in force after the next start' changed_passwords
    check 'a second clone of that name, its first start cut off, and cleaned again' second_clone
    check 'make clean in clones without containers' untouched
    (cd "$work/one/C#" && docker compose down --volumes --rmi local) >/dev/null 2>&1
    complete=yes
    [ "$broken" = 0 ]
    exit
fi
check 'what a shell has inherited is left outside' inherited
check 'a clone made by Git for Windows has the line endings of ours' windows_clone
check 'a value in .env may hold any character' values
check 'make secrets writes what is missing, for its owner only, and changes nothing' secrets
check 'a service that ends by itself is started again, and one that was stopped is not' supervised
check 'the advice for a taken port holds' taken_port
check 'an engine that does not answer is none' silent_engine
[ "${1:-}" != servers ] || check 'two clones, any folder, a strict umask and a start that was cut off' two_clones
[ "${1:-}" != servers ] || check 'servers of TLS=true answer nobody without it' with_tls
[ "${1:-}" != servers ] || check 'queues of an earlier version are found, counted and deleted, and new definitions reach a broker that runs' older_queues
check 'nothing is used that bash 3.2 and BSD lack where macOS runs it' old_shell
complete=yes
[ "$broken" = 0 ]
