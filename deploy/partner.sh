#!/usr/bin/env bash
# deploy/partner.sh set NAME TYPE... | drop NAME: the account of a partner at the broker of what `make up` runs, in either mode (docs/how-to/connect-a-partner.md).
# `set` makes a new password and prints it, once.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
choose_mode
clustered
password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
if [ "$MODE" = docker ]; then
    at_partner() { docker compose exec -T rabbitmq sh /provision/partner.sh "$@"; }
else
    . "$ROOT/deploy/local/infrastructure.sh"
    at_partner() {
        rabbitmq_environment
        env "${rabbitmq_env[@]}" PATH="$(rabbitmq_bin):$PATH" sh "$ROOT/deploy/rabbitmq/partner.sh" "$@"
    }
fi
at_partner "$@" <<<"$password"
[ "${1:-}" != set ] || say "amqp${TLS:+s}://partner.$2:$password@127.0.0.1:$RABBITMQ_PORT/"
