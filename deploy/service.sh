#!/usr/bin/env bash
# make stop|kill|start SERVICE=inventory: one service (or postgres, rabbitmq, mail, redis, payment-sandbox) of what `make up` runs.
# stop lets it finish what it began; kill is kill -9, as a crash is; start brings it back and waits until it is healthy.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
action=${1:?} name=${2:-}
load_settings
known=("${SERVICES[@]}" payment-sandbox postgres ${CLUSTER:+rabbitmq-1 rabbitmq-2 rabbitmq-3} rabbitmq mail redis)
[[ " ${known[*]} " == *" $name "* ]] || die "Which service? make $action SERVICE=NAME, with one of: ${known[*]}"
choose_mode
MAKE_TARGET=start

if [ "$MODE" = docker ]; then
    case $action in
        stop) docker compose stop "$name" ;;
        kill) docker compose kill --signal KILL "$name" ;;
        start) docker compose up --wait --no-build --no-deps "$name" ;;
    esac
    exit
fi

. "$ROOT/deploy/local/infrastructure.sh"
. "$ROOT/deploy/local/services.sh"
export_local_addresses
take_lock
process=$name
[ "$name" != mail ] || process=maildev
case $action in
    stop)
        case $name in
            postgres) stop postgres INT ;;
            rabbitmq) stop_rabbitmq ;;
            *) stop "$process" ;;
        esac ;;
    kill)
        case $name in
            postgres) stop postgres QUIT ;;
            rabbitmq) stop_rabbitmq KILL ;;
            *) stop "$process" KILL ;;
        esac ;;
    start)
        case $name in
            postgres) start_postgres; wait_until 60 PostgreSQL postgres postgres_ready ;;
            rabbitmq) start_rabbitmq; await_rabbitmq 90 ;;
            rabbitmq-*) start_broker "$name"; await_rabbitmq 90 "$name" ;;
            redis) start_redis; wait_until 30 Redis redis redis_ready ;;
            mail) start_maildev; wait_until 60 "The mail catcher" maildev maildev_ready ;;
            *) start_service "$name"; await_service "$name" ;;
        esac ;;
esac
ok "$name: $action"
