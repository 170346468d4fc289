#!/usr/bin/env bash
# make demo: everything up, then four real orders, live. Exit code 0 only if each ended as it should.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
choose_mode
clustered
export MODE MAKE_TARGET=demo
"$ROOT/deploy/up.sh"
say ""

if [ "$MODE" = docker ]; then
    # --use-aliases: the notifications service reaches the demo's webhook receiver under the name `demo`
    tty=(-T)
    [ ! -t 1 ] || tty=()
    docker compose --profile tools build --quiet demo
    exec docker compose run --rm --no-deps --use-aliases ${tty[@]+"${tty[@]}"} -e TERM="${TERM:-dumb}" -e NO_COLOR="${NO_COLOR:-}" \
        -e DEMO_PATIENCE_SECONDS="${DEMO_PATIENCE_SECONDS:-}" demo
fi

export DEMO_USERS=http${TLS:+s}://127.0.0.1:$USERS_PORT DEMO_ORDERS=http${TLS:+s}://127.0.0.1:$ORDERS_PORT
export DEMO_INVENTORY=http${TLS:+s}://127.0.0.1:$INVENTORY_PORT DEMO_NOTIFICATIONS=http${TLS:+s}://127.0.0.1:$NOTIFICATIONS_PORT
export DEMO_CONSOLE=http${TLS:+s}://127.0.0.1:$CONSOLE_PORT DEMO_CONSOLE_PAGE=http${TLS:+s}://127.0.0.1:$CONSOLE_PORT
export DEMO_MAIL=http://127.0.0.1:$MAIL_WEB_PORT DEMO_MAIL_PAGE=http://127.0.0.1:$MAIL_WEB_PORT
export DEMO_BROKER_PAGE=http${TLS:+s}://127.0.0.1:$RABBITMQ_MANAGEMENT_PORT
export DEMO_WEBHOOK_LISTEN=http://127.0.0.1:$DEMO_WEBHOOK_PORT DEMO_WEBHOOK_URL=http://127.0.0.1:$DEMO_WEBHOOK_PORT
[ -z "${TLS:-}" ] || export SSL_CERT_DIR=$STATE/tls/clients/trusted:${SSL_CERT_DIR:-/etc/ssl/certs}
exec dotnet "$STATE/app/demo/Demo.dll"
