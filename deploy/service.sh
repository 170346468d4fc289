#!/usr/bin/env bash
# make stop|kill|start SERVICE=inventory: one service (or postgres, rabbitmq, mail, redis, payment-sandbox) of what `make up` runs.
# stop lets it finish what it began; kill is kill -9, as a crash is; start brings it back and waits until it is healthy.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
action=${1:?} name=${2:-}
load_settings
known=("${SERVICES[@]}" payment-sandbox postgres rabbitmq mail redis)
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
    stop) if [ "$name" = postgres ]; then stop postgres INT; else stop "$process"; fi ;;
    kill) if [ "$name" = postgres ]; then stop postgres QUIT; else stop "$process" KILL; fi ;;
    start)
        case $name in
            postgres) start_postgres; wait_until 60 PostgreSQL postgres postgres_ready ;;
            rabbitmq) start_rabbitmq; wait_until 90 RabbitMQ rabbitmq rabbitmq_ready ;;
            redis) start_redis; wait_until 30 Redis redis redis_ready ;;
            mail) start_maildev; wait_until 60 "The mail catcher" maildev maildev_ready ;;
            *) start_service "$name"; await_service "$name" ;;
        esac ;;
esac
ok "$name: $action"
