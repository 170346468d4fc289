#!/usr/bin/env bash
# make up CLUSTER=1, in the mode of MODE: the demo ends well; so does one in whose middle a replica of each service and a node of the broker are killed, and stay
# away; then all are back.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
killed=(users-1 orders-2 inventory-1 notifications-2 rabbitmq-3)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Whose queue, whose channel, whose outbox or whose process holds it up.
look_around() {
    (. deploy/local/lib.sh && load_settings && . deploy/local/packages.sh
        for what in 'queues?columns=name,leader,online,consumers,messages_ready,messages_unacknowledged' \
            'channels?columns=connection_details.name,node,user,confirm,consumer_count,messages_unacknowledged,messages_unconfirmed'; do
            curl -sS -u "$RABBITMQ_USER:$RABBITMQ_PASSWORD" "http://127.0.0.1:$RABBITMQ_MANAGEMENT_PORT/api/$what" | sed 's/},{/},\n{/g'
        done
        for service in orders inventory; do
            PGPASSWORD=$POSTGRES_PASSWORD "$(postgres_bin)/psql" -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres -d "$service" -c \
                'SELECT id, outbox_key, exchange, attempts, last_error, created_at, due_at - now() AS due_in FROM messaging.outbox ORDER BY id LIMIT 20'
        done) || true
    for process in orders-1 inventory-2; do
        printf '\n── %s\n' "$process"
        grep -hE '"level":"(wrn|err|crt)"' ".local/logs/$process.log" | tail -n 30 | cut -c 1-600 || true
    done
}

make --no-print-directory demo CLUSTER=1

# Nobody says again that it is a cluster: it is one until make clean.
make --no-print-directory demo >"$log" 2>&1 &
demo=$!
for _ in $(seq 3000); do       # the middle: orders are placed and the first steps are through
    grep -q 'reserve stock' "$log" && break
    kill -0 "$demo" 2>/dev/null || break
    sleep 0.1
done
for each in "${killed[@]}"; do make --no-print-directory kill SERVICE="$each"; done
wait "$demo" || { cat "$log"; look_around; echo "The demo did not survive the death of ${killed[*]}." >&2; exit 1; }
tail -n 4 "$log"

for each in "${killed[@]}"; do make --no-print-directory start SERVICE="$each"; done
make --no-print-directory demo
