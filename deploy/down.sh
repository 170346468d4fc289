#!/usr/bin/env bash
# make down: stops what `make up` and `make test` started, in either mode. make clean (down.sh --clean) drops the data as well.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
clustered
clean=no
[ "${1:-}" != --clean ] || clean=yes

# Containers are this folder's if Compose made them from it; volumes carry no folder, so only a folder that has used containers drops its own.
if [ "${MODE:-}" != local ] && engine_answers && docker compose version >/dev/null 2>&1; then
    if [ -n "$(own_containers)" ] || [ -s "$STATE/project" ]; then
        choose_project
        if [ "$clean" = yes ]; then
            step "Stopping the containers and dropping their data: $(docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" | tr '\n' ' ')"
            docker compose --profile '*' down --volumes
        else
            step "Stopping the containers"
            docker compose --profile '*' down
        fi
    fi
fi

stop_everything_in() {
    STATE=$1
    [ -d "$STATE/run" ] || return 0
    if any_alive; then
        step "Stopping the processes under ${STATE#"$ROOT"/}"
        stop_observability
        stop_services
        stop_infrastructure
        ok "stopped"
    fi
}

. "$ROOT/deploy/local/infrastructure.sh"
. "$ROOT/deploy/local/services.sh"
. "$ROOT/deploy/local/observability.sh"
rm -f "$STATE/observed"
if [ -d "$STATE" ]; then
    take_lock
    state=$STATE
    stop_everything_in "$state/test"
    stop_everything_in "$state"
    if [ "$clean" = yes ]; then
        note "dropping what lies under ${state#"$ROOT"/}, but for its reports"
        for link in "$state/postgres-is-in" "$state/test/postgres-is-in"; do
            [ -L "$link" ] || continue
            target=$(readlink "$link")
            case $target in /var/lib/shop-*) as_root rm -rf --one-file-system "$target" ;; esac
        done
        # Reports outlive a clean start; everything else goes.
        find "$state" -mindepth 1 -maxdepth 1 ! -name reports ! -name run -exec rm -rf --one-file-system '{}' + 2>/dev/null ||
            as_root find "$state" -mindepth 1 -maxdepth 1 ! -name reports ! -name run -exec rm -rf --one-file-system '{}' + ||
            die "Some of $state belongs to another user, who started the servers once." "As that user, or as root:  rm -rf '$state'"
        rm -rf "$state/run"
        ok "data dropped"
    fi
fi
if [ "$clean" = yes ]; then
    say "Nothing of this project is running now."
else
    say "Nothing of this project is running now. Its data is kept: make up goes on with it, make clean drops it."
fi
