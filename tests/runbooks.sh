#!/usr/bin/env bash
# Walks the runbooks of docs/operate, and the how-tos for operators, against what `make up` started: injects the fault of each page, runs the page's commands as they stand there, and
# checks what they show. What a block has to show stands below it in the page, where no reader sees it: <!-- shows: REGEX -->. Such a block is repeated until it
# does; any other runs once and has to succeed. <!-- meanwhile: FUNCTION --> is what somebody does beside the page.
#   runbooks.sh [PAGE]...     all pages, or for example an-order-hangs or give-roles. One line "ok PAGE" or "not ok PAGE" each; every fault is healed again.
# It places orders, registers customers, and leaves the orders service with another master secret in .env.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/local/lib.sh"
cd "$ROOT"
pages=docs/operate
how_tos="give-roles import-a-catalogue resync-a-copy connect-a-partner sign-people-in try-payments receive-webhooks restore"
patience=${TEST_RUNBOOK_PATIENCE:-90}    # seconds that a block may take until it shows what it should

# ── Faults ────────────────────────────────────────────────────────────────────────────────────────────────────────

# Each leaves behind what its page names: $order, $user, $email.
an_order_hangs() { make stop SERVICE=inventory; place_order; }
an_order_hangs_healed() { make start SERVICE=inventory; }

mails_do_not_come() { make stop SERVICE=mail; place_order; }
mails_do_not_come_healed() { make start SERVICE=mail; }

a_queue_grows() { make stop SERVICE=notifications; place_order; }
a_queue_grows_healed() { make start SERVICE=notifications; }

the_outbox_grows() { make stop SERVICE=rabbitmq; register; }
the_outbox_grows_healed() { make start SERVICE=rabbitmq; }

# Somebody's transaction that was forgotten.
a_projection_lags() {
    sql orders 'BEGIN; LOCK TABLE sales_by_day IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)' >/dev/null 2>&1 &
    until_shows 'AccessExclusiveLock' sql orders "SELECT mode FROM pg_locks WHERE relation = 'sales_by_day'::regclass AND granted"
    place_order
}
a_projection_lags_healed() {
    sql orders "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'sales_by_day'::regclass AND granted AND mode = 'AccessExclusiveLock'"
}

# Of what `make up CLUSTER=1` runs.
a_broker_node_is_lost() { make stop SERVICE=rabbitmq-3; }
a_broker_node_is_lost_healed() { make start SERVICE=rabbitmq-3; }

a_service_is_down() { make stop SERVICE=inventory; }
a_service_is_down_healed() { make start SERVICE=inventory; }

requests_fail() { make stop SERVICE=postgres; }
requests_fail_healed() { make start SERVICE=postgres; }

# Somebody's session that does not end its transaction.
the_database_is_away() {
    sql orders 'BEGIN; SELECT pg_sleep(600)' >/dev/null 2>&1 &
    until_shows 'pg_sleep' sql orders "SELECT left(query, 40) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
}
the_database_is_away_healed() {
    sql orders "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
}

# Only an installation that was asked for one has a Redis.
redis_is_away() { export REDIS=true; make up; make stop SERVICE=redis; }
redis_is_away_healed() { export REDIS=; make up; }
# Only where there is a copy.
the_database_has_failed_over() { make kill SERVICE=postgres; }
# In containers the first refuses to start again, as the page says.
the_database_has_failed_over_healed() { [ "$(cat .local/mode)" != local ] || make start SERVICE=postgres; }

payments_do_not_answer() { make stop SERVICE=payment-sandbox; place_order; }
payments_do_not_answer_healed() { make start SERVICE=payment-sandbox; }

# An endpoint at which nobody listens.
webhooks_do_not_arrive() {
    webhook=$(call POST notifications /v1/webhooks -H 'Content-Type: application/json' \
        -d '{"url": "http://127.0.0.1:'$((20000 + RANDOM % 10000))'/hooks", "eventTypes": ["shop.order.*"]}' | field id)
    [ -n "$webhook" ]
    place_order
}
webhooks_do_not_arrive_healed() { call DELETE notifications "/v1/webhooks/$webhook"; }

a_queue_was_deleted() { broker exchanges/%2F/shop.order.completed.v1 -X DELETE; }

an_objective_is_missed() { make stop SERVICE=inventory; place_order; }
an_objective_is_missed_healed() { make start SERVICE=inventory; }

# Somebody's transaction that has written to the inbox and was forgotten.
partitions_run_out() {
    sql orders 'BEGIN; LOCK TABLE messaging.inbox IN ROW EXCLUSIVE MODE; SELECT pg_sleep(600)' >/dev/null 2>&1 &
    until_shows 'RowExclusiveLock' sql orders "SELECT mode FROM pg_locks WHERE relation = 'messaging.inbox'::regclass AND granted"
}

a_dead_letter_appears() {
    broker exchanges/%2F/amq.default/publish -H 'Content-Type: application/json' \
        -d '{"properties":{"content_type":"application/json"},"routing_key":"inventory.commands","payload":"poison '"$RANDOM$RANDOM"'","payload_encoding":"string"}'
}

the_disk_fills() { rabbitmqctl set_disk_free_limit 9000GB; until_shows true broker 'nodes?columns=disk_free_alarm'; register; }
room_is_made() { rabbitmqctl set_disk_free_limit 200MB; }
the_disk_fills_healed() { room_is_made; }

a_key_is_rotated() {
    place_order
    until_shows '\(1 row\)' sql orders "SELECT DISTINCT 'of ' || encode(substring(key FROM 2 FOR 4), 'hex') FROM event_store.personal_keys WHERE key IS NOT NULL"
    former=$(sed -n 's/.*of //p' "$shown")
    export Sealing__AnewAfter=00:00:05    # of the page's hour; containers do not hear it
}
# What the page promises for an hour later.
a_key_is_rotated_healed() {
    [ "$(cat .local/mode)" = local ] || return 0
    until_shows 'left: 0' sql orders "SELECT 'left: ' || count(*) FROM event_store.personal_keys WHERE encode(substring(key FROM 2 FOR 4), 'hex') = '$former'" || return 1
    rm -f .local/env.before
    unset Sealing__AnewAfter
    make stop SERVICE=orders && make start SERVICE=orders && until_shows 'Harbour Street 1' call GET orders "/v1/orders/$order"
}

a_person_asks_for_erasure() {
    place_order
    until_shows '"status":"completed"' call GET orders "/v1/orders/$order"
    until_shows '"status":"sent"' call GET notifications "/v1/notifications?orderId=$order"
}

# A migration that makes what is there already.
a_release_goes_wrong() {
    sql inventory "DELETE FROM \"__EFMigrationsHistory\" WHERE \"MigrationId\" = '$migration'"
    make stop SERVICE=inventory
    if [ "$(cat .local/mode)" = local ]; then
        deploy/service.sh start inventory >/dev/null 2>&1 &    # waits for a service that will not be ready
        starting=$!
    else
        docker compose up --detach --no-build inventory-migrations && docker compose up --detach --no-build --no-deps inventory
    fi
}
migration=0007_ended_sessions
release_is_mended() {
    [ -z "${starting:-}" ] || { kill "$starting" 2>/dev/null || true; wait "$starting" || true; }
    starting=
    sql inventory "INSERT INTO \"__EFMigrationsHistory\" VALUES ('$migration', '10.0.0') ON CONFLICT DO NOTHING"
}
a_release_goes_wrong_healed() { release_is_mended && make start SERVICE=inventory; }

# ── What the how-tos for operators name ───────────────────────────────────────────────────────────────────────────

give_roles() { register; }
import_a_catalogue() {
    catalogue=$work/catalogue.json
    awk '/^```json$/ && !done { inside = 1; next } /^```$/ && inside { exit } inside' docs/how-to/import-a-catalogue.md >"$catalogue"
}
resync_a_copy() { sku=KETTLE; }
connect_a_partner() { :; }
try_payments() { place_order pm_card_authentication_required; }
restore() { register; until_shows '' call DELETE users "/v1/users/$user"; }

sign_people_in() { register; }
# As a browser does: the form carries what the client has asked for.
somebody_signs_in() {
    local asked form=() pair
    asked=$(grep -o 'client_id=.*' "$shown")
    while IFS= read -r pair; do form+=(-d "$pair"); done < <(tr '&' '\n' <<<"$asked")
    code=$(curl -sS -o /dev/null -w '%{redirect_url}' "$users/connect/authorize" "${form[@]}" -H "Origin: $users" --data-urlencode "email=$email" -d password=Correct-horse-7 |
        sed -n 's/.*[?&]code=\([^&]*\).*/\1/p')
    [ -n "$code" ]
}

# A partner that takes whatever comes.
receive_webhooks() {
    local port=$((20000 + RANDOM % 10000))
    python3 -c '
import http.server, sys
class Partner(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Partner).serve_forever()' "$port" >/dev/null 2>&1 &
    partner=$!
    url=http://127.0.0.1:$port/hooks
}
receive_webhooks_healed() { kill "$partner"; call DELETE notifications "/v1/webhooks/$webhook"; }

# ── A customer, an order, the broker's own tool ───────────────────────────────────────────────────────────────────

register() {
    email=ada.$RANDOM$RANDOM@shop.example
    user=$(curl -sS "$(address users)/v1/users" -H 'Content-Type: application/json' -d '{"email":"'"$email"'","password":"Correct-horse-7","fullName":"Ada"}' | field id)
    [ -n "$user" ]
}

# On sale since the first of the pages; $order is the order's id.
place_order() {
    card=${1:-pm_card_visa}
    register
    local operator=$token token
    token=$(sign_in "$email" Correct-horse-7 | field access_token)
    until_shows '"id"' place
    order=$(field id <"$shown")
    token=$operator
}
place() {
    call POST orders /v1/orders -H 'Content-Type: application/json' -d '{"items":[{"sku":"KETTLE","quantity":1}],"submit":{"paymentMethod":"'"$card"'",
        "shippingAddress":{"name":"Ada","line1":"Harbour Street 1","city":"Hamburg","postalCode":"20095","country":"DE"}}}'
}

put_on_sale() {
    call POST inventory /v1/products -H 'Content-Type: application/json' -d '{"sku":"KETTLE","name":"Kettle","price":{"amount":"24.00","currency":"EUR"}}'
    call POST inventory /v1/products/KETTLE/receipts -H 'Content-Type: application/json' -d '{"quantity":100,"reference":"runbooks"}'
}

# In a shell of its own: what it loads of the settings must not win over what a page writes into .env.
rabbitmqctl() {
    if [ "$(cat .local/mode)" = local ]; then
        (load_settings && . deploy/local/infrastructure.sh && rabbitmq_environment && env "${rabbitmq_env[@]}" "$(rabbitmq_bin)/rabbitmqctl" -q "$@")
    else
        docker compose exec -T rabbitmq rabbitmqctl -q "$@"
    fi
}

# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

# until_shows REGEX COMMAND...: repeats the command, what it shows stands in $shown
until_shows() {
    local regex=$1 deadline=$((SECONDS + patience))
    shift
    until { "$@" || true; } >"$shown" 2>&1 </dev/null && grep -qE -e "$regex" "$shown"; do
        [ "$SECONDS" -lt "$deadline" ] || { printf 'not shown in %s s: %s\n  by: %s\n  but: %s\n' "$patience" "$regex" "$*" "$(tail -n 20 "$shown")" >&2; return 1; }
        sleep 0.3
    done
}

# The blocks of a page from the given heading on, each as the file $work/NUMBER.do, with what it has to show, or what happens meanwhile, beside it.
blocks() {
    awk -v heading="$2" -v work="$work" '
        BEGIN { inside = heading == "" }
        $0 ~ "^## " { inside = heading == "" || $0 == "## " heading || (inside && heading == "Look") }
        !inside { next }
        /^```bash$/ { code = 1; count++; file = sprintf("%s/%02d", work, count); printf "" > (file ".do"); next }
        /^```$/ { code = 0; next }
        code { print > (file ".do") }
        /^<!-- shows: / { sub(/^<!-- shows: /, ""); sub(/ -->$/, ""); print > (file ".shows") }
        /^<!-- meanwhile: / { print $3 > sprintf("%s/%02d.meanwhile", work, count + 1) }' "$1"
}

walk() {
    local name=$1 file number
    file=$pages/$name.md from=Look
    case " $how_tos " in *" $name "*) file=docs/how-to/$name.md from= ;; esac
    [ -f "$file" ] || die "There is no page $file."
    shown=$work/shown
    blocks "$pages/README.md" 'Before you begin'
    eval "$(cat "$work"/01.do)"
    rm "$work"/*.do
    blocks "$file" "$from"
    compgen -G "$work/*.shows" >/dev/null || die "$file shows nothing."
    until_shows '"sku"|sku_taken|exists|already' put_on_sale
    "${name//-/_}"
    for file in "$work"/*.do; do
        number=${file%.do}
        [ ! -f "$number.meanwhile" ] || "$(cat "$number.meanwhile")"
        block=$(cat "$file")
        if [ -f "$number.shows" ]; then until_shows "$(cat "$number.shows")" eval "$block"; else eval "$block" </dev/null; fi
    done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ "${1:-}" = --walk ]; then
    page=$2 healed=${2//-/_}_healed
    trap 'status=$?; trap - EXIT; [ "$(type -t "$healed")" != function ] || "$healed" || status=1; rm -rf "$work"; exit "$status"' EXIT
    walk "$page"
    exit
fi
if [ $# = 0 ]; then
    for page in "$pages"/*.md $how_tos; do
        case $page in
            */a-broker-node-is-lost.md) [ -z "${CLUSTER:-}" ] || set -- "$@" a-broker-node-is-lost ;;
            */README.md | */alerts.md | */metrics.md | */log-events.md | */traces.md) ;;
            */the-database-has-failed-over.md) ;;         # only by name: POSTGRES_REPLICA=sync make up, and the database is another server afterwards
            receive-webhooks) [ "$(cat .local/mode)" = docker ] || set -- "$@" "$page" ;;     # no container reaches the partner of this test
            *) set -- "$@" "$(basename "$page" .md)" ;;
        esac
    done
fi
broken=0
for page; do
    began=$SECONDS
    if "$0" --walk "$page" >"$work/log" 2>&1; then echo "ok $page ($((SECONDS - began)) s)"; else
        echo "not ok $page"
        sed 's/^/    /' "$work/log" | tail -n 60
        broken=1
    fi
done
exit "$broken"
