#!/usr/bin/env bash
# Private test servers beside those of `make up`: `deploy/local/servers.sh NAME install|start|stop|kill|env [postgres|rabbitmq|mail|redis]`,
# for the broker `... NAME memory LIMIT` and `... NAME rabbitmqctl ARGUMENT...`, for PostgreSQL `... NAME move|copy|promote`
# and `... NAME replica sync|async`, a second server that follows the first, and `... NAME failover`: the first is killed, the second takes over.
# Redis is there where it is asked for: by its name, or by REDIS=true for the others as well.
# CLUSTER=1: the broker has three nodes. `... NAME start|stop|kill|cut|heal|lead rabbitmq-2` is about one of them, `... NAME rabbitmqctl rabbitmq-2 ARGUMENT...` asks it;
# cut takes it away from the other two, in both directions, until heal, and lead makes it the leader of every queue; `... NAME roll` restarts one after the other.
# Data, logs and process ids under .local/NAME. `env` prints what tests read (TEST_POSTGRES, TEST_RABBITMQ, ...).
# Ports of their own: those of TEST_POSTGRES_PORT, TEST_RABBITMQ_PORT, ... where set, else the first free ones, so that two clones can test at the same time.
# Beside its usual ports, PostgreSQL's and one more of the broker's speak TLS; TEST_TLS=true: all speak nothing else, as with TLS=true.
# UNSAFE=1: what is committed outlasts the end of PostgreSQL, but not a power cut.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
name=${1:?name} action=${2:?action} only=${3:-}
STATE=$STATE/$name
load_settings
. "$ROOT/deploy/local/infrastructure.sh"

MAKE_TARGET=test PORT_PREFIX=TEST_ TLS=${TEST_TLS:-}
[ "$only" != redis ] || REDIS=true
POSTGRES_PASSWORD=postgres REDIS_PASSWORD=redis RABBITMQ_USER=guest RABBITMQ_PASSWORD=guest RABBITMQ_NODE=shop-$name RABBITMQ_MEMORY=2GB

# Below the range from which Linux takes the ports of outgoing connections: one of those would be in the way, and nobody would be seen listening.
choose_ports() {
    local pair setting chosen apart
    apart=$(($(printf '%s' "$STATE" | cksum | cut -d' ' -f1) % 40 * 20))       # two clones that choose in the same moment rarely choose the same
    for pair in POSTGRES:25531 POSTGRES_REPLICA:25532 RABBITMQ:25772 RABBITMQ_MANAGEMENT:25773 RABBITMQ_DIST:25774 RABBITMQ_EPMD:25469 RABBITMQ_TLS:25775 RABBITMQ_METRICS:25776 \
        ${CLUSTER:+RABBITMQ_2:25777 RABBITMQ_2_MANAGEMENT:25778 RABBITMQ_2_DIST:25779 RABBITMQ_3:25781 RABBITMQ_3_MANAGEMENT:25782 RABBITMQ_3_DIST:25783} \
        ${CLUSTER:+RABBITMQ_2_METRICS:25784 RABBITMQ_3_METRICS:25786} MAIL_SMTP:25025 MAIL_WEB:25080 REDIS:26379 REDIS_TLS:26380; do
        setting=TEST_${pair%:*}_PORT
        chosen=${!setting:-}
        if [ -z "$chosen" ]; then
            chosen=$((${pair#*:} + apart))
            while connects "$chosen"; do chosen=$((chosen + 20)); done
        fi
        printf '%s_PORT=%s\n' "${pair%:*}" "$chosen"
    done >"$STATE/ports"
}
mkdir -p "$STATE/logs"
# What runs keeps its ports, and so does what is started again after a kill.
[ -s "$STATE/ports" ] && { any_alive || [ "$action" != start ] || [ -n "$only" ]; } || choose_ports
. "$STATE/ports"
POSTGRES_EXTRA_SETTINGS=$'max_connections = 600\nshared_buffers = 256MB'
[ "${UNSAFE:-0}" = 0 ] || POSTGRES_EXTRA_SETTINGS+=$'\nfsync = off\nfull_page_writes = off'
export POSTGRES_PASSWORD RABBITMQ_USER RABBITMQ_PASSWORD REDIS_PASSWORD CLUSTER=${CLUSTER:-}

# rabbitmqctl [NODE] ARGUMENT...
rabbitmqctl() {
    local node=
    if is_broker_node "${1:-}"; then node=$1; shift; fi
    rabbitmq_environment $node
    env "${rabbitmq_env[@]}" "$(rabbitmq_bin)/rabbitmqctl" "$@"
}

wanted() { [ -z "$only" ] || [ "$only" = "$1" ]; }
wants_redis() { [ -n "${REDIS:-}" ] && wanted redis; }
is_broker_node() { case $1 in rabbitmq-[1-3]) [ -n "$CLUSTER" ] ;; *) false ;; esac; }
need_broker_node() { is_broker_node "$only" || die "Which node? servers.sh $name $action rabbitmq-1, rabbitmq-2 or rabbitmq-3, with CLUSTER=1"; }

# from_both_sides NODE COOKIE: what the node and the others hold each other's cookie to be. With another one they get no connection to each other, and the one
# that they have is closed.
from_both_sides() {
    local node=$1 cookie=$2 other
    for other in $(broker_nodes); do
        [ "$other" != "$node" ] && alive "$other" || continue
        know "$other" "$node" "$cookie" &
        know "$node" "$other" "$cookie"
        wait $!
    done
}
know() { rabbitmqctl "$1" -q eval "erlang:set_cookie('$(erlang_name "$2")', '$3')$([ "$3" != none ] || printf ", erlang:disconnect_node('%s')" "$(erlang_name "$2")")." >/dev/null; }

case $action in
    install)
        install_packages
        if wanted mail; then install_maildev; fi
        ;;
    start)
        need_disk 1000
        take_lock
        install_packages
        make_certificates
        if [ -n "${ALERTS:-}" ]; then : >"$STATE/observed"; else rm -f "$STATE/observed"; fi
        if wanted postgres; then start_postgres; fi
        if wanted rabbitmq; then start_rabbitmq; fi
        if is_broker_node "$only"; then start_broker "$only"; await_rabbitmq 300 "$only"; fi
        if wanted mail; then install_maildev; start_maildev; fi
        if wants_redis; then start_redis; fi
        if wanted postgres; then wait_until 300 PostgreSQL postgres postgres_ready; fi
        if wanted mail; then wait_until 300 "The mail catcher" maildev maildev_ready; fi
        if wanted rabbitmq; then await_rabbitmq 300; fi
        if wants_redis; then wait_until 60 Redis redis redis_ready; fi
        ;;
    stop)
        if wanted redis; then stop redis TERM 5; fi
        if wanted mail; then stop maildev TERM 10; fi
        if wanted rabbitmq; then stop_rabbitmq; [ -n "$only" ] || stop epmd TERM 5; fi
        if is_broker_node "$only"; then stop "$only"; fi
        if wanted postgres; then stop postgres-replica "${SIGNAL:-INT}" 30; stop postgres "${SIGNAL:-INT}" 30; fi
        ;;
    kill)       # as a crash does: PostgreSQL's immediate shutdown, the broker's process gone
        if wanted postgres; then stop postgres QUIT 10; fi
        if wanted rabbitmq; then stop_rabbitmq KILL 10; fi
        if is_broker_node "$only"; then stop "$only" KILL 10; fi
        if wanted mail; then stop maildev KILL 5; fi
        if wanted redis; then stop redis KILL 5; fi
        ;;
    move)       # everything in PostgreSQL is dumped, and restored into a fresh cluster at the same address
        dump=$STATE/moved.sql
        bin=$(postgres_bin)
        export PGHOST=127.0.0.1 PGPORT=$POSTGRES_PORT PGUSER=postgres PGPASSWORD=$POSTGRES_PASSWORD
        # The cluster that it goes to has this one already.
        (umask 077 && "$bin/pg_dumpall" | sed '/^CREATE ROLE postgres;$/d' >"$dump")
        stop postgres INT 30
        rm -rf "$(postgres_home)/data"
        start_postgres
        wait_until 300 PostgreSQL postgres postgres_ready
        "$bin/psql" --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres --file "$dump" >"$STATE/logs/move.log" 2>&1 || { tail -n 5 "$STATE/logs/move.log" >&2; die "The dump could not be restored."; }
        rm -f "$dump"
        ;;
    copy)       # a standby of PostgreSQL that hears nothing of what is committed from now on
        export PGHOST=127.0.0.1 PGPORT=$POSTGRES_PORT PGUSER=postgres PGPASSWORD=$POSTGRES_PASSWORD
        PGHOME=$(postgres_home) bin=$(postgres_bin)
        rm -rf "$PGHOME/copy"
        (cd / && as_postgres "$bin/pg_basebackup" --pgdata "$PGHOME/copy" --checkpoint fast --wal-method stream) >"$STATE/logs/copy.log" 2>&1 || { tail -n 5 "$STATE/logs/copy.log" >&2; die "The server could not be copied."; }
        as_postgres touch "$PGHOME/copy/standby.signal"
        ;;
    promote)    # the server crashes, and its copy takes over, at the same address
        PGHOME=$(postgres_home) bin=$(postgres_bin)
        [ -d "$PGHOME/copy" ] || die "There is no copy of PostgreSQL." "deploy/local/servers.sh $name copy makes one."
        stop postgres QUIT 10
        rm -rf "$PGHOME/data"
        mv "$PGHOME/copy" "$PGHOME/data"
        start_postgres
        wait_until 300 PostgreSQL postgres postgres_ready
        (cd / && as_postgres "$bin/pg_ctl" promote --wait --pgdata "$PGHOME/data") >"$STATE/logs/promote.log" 2>&1 || { tail -n 5 "$STATE/logs/promote.log" >&2; die "The copy could not be promoted."; }
        ;;
    replica)    # a server that follows this one at a port of its own
        POSTGRES_REPLICA=$only
        start_replica
        printf '%s\n' "$POSTGRES_REPLICA_PORT"
        ;;
    failover)   # the first is killed, and the other one takes over, at its own address
        fail_over
        ;;
    memory)     # the broker's memory limit while it runs; one below what it uses raises the alarm that blocks every publisher
        rabbitmqctl -q set_vm_memory_high_watermark absolute "$only"
        ;;
    cut)
        need_broker_node
        from_both_sides "$only" none
        ;;
    heal)
        need_broker_node
        from_both_sides "$only" "$(cat "$STATE/rabbitmq-cookie")"
        await_rabbitmq 300 "$only"
        ;;
    roll)       # as an operator does: no node goes before every queue can do without it
        for node in $(broker_nodes); do
            rabbitmq_environment "$node"
            env "${rabbitmq_env[@]}" "$(rabbitmq_bin)/rabbitmq-upgrade" await_online_quorum_plus_one -q --timeout 120 >/dev/null || die "$node could not be stopped: some queue has no majority without it."
            stop "$node"
            start_broker "$node"
            await_rabbitmq 300 "$node"
        done
        ;;
    lead)
        need_broker_node
        rabbitmqctl "$only" -q eval "[rabbit_quorum_queue:transfer_leadership(Q, '$(erlang_name "$only")') || Q <- rabbit_amqqueue:list_by_type(rabbit_quorum_queue)], ok."
        ;;
    rabbitmqctl)
        rabbitmqctl "${@:3}"
        ;;
    env)
        cat <<TEXT
export TEST_POSTGRES="Host=127.0.0.1;Port=$POSTGRES_PORT;Username=postgres;Password=$POSTGRES_PASSWORD"
export TEST_RABBITMQ=amqp://$RABBITMQ_USER:$RABBITMQ_PASSWORD@127.0.0.1:$RABBITMQ_PORT
export TEST_RABBITMQ_MANAGEMENT=http://$RABBITMQ_USER:$RABBITMQ_PASSWORD@127.0.0.1:$RABBITMQ_MANAGEMENT_PORT
export TEST_RABBITMQCTL=$(printf %q "$(printf %q "$ROOT/deploy/local/servers.sh") $name rabbitmqctl")
export TEST_RABBITMQ_HOSTS=${CLUSTER:+127.0.0.1:$RABBITMQ_PORT,127.0.0.1:$RABBITMQ_2_PORT,127.0.0.1:$RABBITMQ_3_PORT}
export TEST_RABBITMQ_METRICS="127.0.0.1:$RABBITMQ_METRICS_PORT${CLUSTER:+ 127.0.0.1:$RABBITMQ_2_METRICS_PORT 127.0.0.1:$RABBITMQ_3_METRICS_PORT}"
export TEST_CERTIFICATES=$(printf %q "$STATE/tls") SSL_CERT_DIR=$(printf %q "$STATE/tls/clients/trusted"):${SSL_CERT_DIR:-/etc/ssl/certs}
export TEST_RABBITMQ_TLS=amqps://$RABBITMQ_USER:$RABBITMQ_PASSWORD@127.0.0.1:${RABBITMQ_TLS_PORT:-}
export TEST_MAIL_SMTP=127.0.0.1:$MAIL_SMTP_PORT TEST_MAIL_API=http://127.0.0.1:$MAIL_WEB_PORT
TEXT
        if alive redis; then
            printf 'export TEST_REDIS=127.0.0.1:%s,password=%s TEST_REDIS_TLS=127.0.0.1:%s,ssl=true,password=%s\n' "$REDIS_PORT" "$REDIS_PASSWORD" "${REDIS_TLS_PORT:-}" "$REDIS_PASSWORD"
        fi
        ;;
    *) die "servers.sh: unknown action '$action'" "install, start, stop, kill, move, copy, promote, replica, failover, cut, heal, lead, roll, memory, rabbitmqctl or env" ;;
esac
