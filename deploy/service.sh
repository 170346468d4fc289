#!/usr/bin/env bash
# make stop|kill|start SERVICE=inventory: one service (or postgres, rabbitmq, mail, redis, payment-sandbox) of what `make up` runs.
# stop lets it finish what it began; kill is kill -9, as a crash is; start brings it back and waits until it is healthy.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
action=${1:?} name=${2:-}
load_settings
choose_mode
clustered
. "$ROOT/deploy/local/services.sh"
known=("${SERVICES[@]}" payment-sandbox postgres ${CLUSTER:+"${PROCESSES[@]}" rabbitmq-1 rabbitmq-2 rabbitmq-3} rabbitmq mail redis)
[[ " ${known[*]} " == *" $name "* ]] || die "Which service? make $action SERVICE=NAME, with one of: ${known[*]}"
MAKE_TARGET=start
docker_healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]; }

if [ "$MODE" = docker ]; then
    [ "$name" != rabbitmq-1 ] || name=rabbitmq
    # One replica is a container, of which Compose knows the service only.
    if [[ $name == *-[1-9] && $name != rabbitmq-* ]]; then
        container=$COMPOSE_PROJECT_NAME-$name
        case $action in
            stop) docker stop "$container" ;;
            kill) docker kill "$container" ;;
            start) docker start "$container"; wait_until 90 "$name" - docker_healthy "$container" ;;
        esac
        exit
    fi
    case $action in
        stop) docker compose stop "$name" ;;
        kill) docker compose kill --signal KILL "$name" ;;
        start) docker compose up --wait --no-build --no-deps "$name" ;;
    esac
    exit
fi

. "$ROOT/deploy/local/infrastructure.sh"
export_local_addresses
take_lock
processes=$name
[ "$name" != mail ] || processes=maildev
# All replicas of a service go by its name.
[[ " ${SERVICES[*]} " != *" $name "* ]] || processes=$(processes_of "$name")
case $action in
    stop)
        case $name in
            postgres) stop postgres INT ;;
            rabbitmq) stop_rabbitmq ;;
            *) for process in $processes; do stop "$process"; done ;;
        esac ;;
    kill)
        case $name in
            postgres) stop postgres QUIT ;;
            rabbitmq) stop_rabbitmq KILL ;;
            *) for process in $processes; do stop "$process" KILL; done ;;
        esac ;;
    start)
        case $name in
            postgres) start_postgres; wait_until 60 PostgreSQL postgres postgres_ready ;;
            rabbitmq) start_rabbitmq; await_rabbitmq 90 ;;
            rabbitmq-*) start_broker "$name"; await_rabbitmq 90 "$name" ;;
            redis) start_redis; wait_until 30 Redis redis redis_ready ;;
            mail) start_maildev; wait_until 60 "The mail catcher" maildev maildev_ready ;;
            *)
                for process in $processes; do start_service "$process"; done
                for process in $processes; do await_service "$process"; done ;;
        esac ;;
esac
ok "$name: $action"
