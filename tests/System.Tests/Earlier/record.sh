#!/usr/bin/env bash
# Records what a version leaves behind: record.sh CLONE TARGET, where CLONE is a fresh clone of it, with ports of its own in its .env. README.md says when and how.
# Orders are placed through its public interface until they stand in every kind of state; then its services are stopped and their databases are dumped.
set -euo pipefail
clone=$(cd -- "${1:?clone}" && pwd -P)
mkdir -p "${2:?target}"
target=$(cd -- "$2" && pwd -P)
[ ! -d "$clone/.local/postgres" ] || { echo "$clone has run before: its data would be recorded along; make clean there first" >&2; exit 1; }
export MODE=local FULFILMENT_RESERVATION=02:00:00 FULFILMENT_AUTHORIZATION=02:00:00
setting() { cat "$clone/.env" "$clone/.env.example" 2>/dev/null | sed -n "s/^$1=//p" | head -n 1; }
in_clone() { make --no-print-directory -C "$clone" "$@" >&2; }

users=http://127.0.0.1:$(setting USERS_PORT) orders=http://127.0.0.1:$(setting ORDERS_PORT) inventory=http://127.0.0.1:$(setting INVENTORY_PORT)
field()  { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d'"' -f4; }
call()   { curl -sS --fail-with-body --noproxy '*' "$@"; }
token()  { call "$users/connect/token" -d grant_type=password -d "username=$1" -d "password=$2" | field access_token; }
post()   { call "$2" -H "Authorization: Bearer $1" -H "Idempotency-Key: $RANDOM$RANDOM$RANDOM" -H 'Content-Type: application/json' -d "$3"; }
show()   { call "$orders/v1/orders/$1" -H "Authorization: Bearer $customer"; }
status() { show "$1" | field status; }
state()  { call "$orders/v1/orders/$1/fulfilment" -H "Authorization: Bearer $customer" | field state; }
# patiently COMMAND...: until it succeeds, for five minutes at most
patiently() { local deadline=$((SECONDS + 300)); until "$@"; do [ "$SECONDS" -lt "$deadline" ] || { echo "gave up after five minutes: $*" >&2; exit 1; }; sleep 0.5; done; }
is() { [ "$("$1" "$2" 2>/dev/null || true)" = "$3" ]; }
until_is() { patiently is "$@"; }
address='"shippingAddress":{"name":"Ada Lovelace","line1":"Harbour Street 1","city":"Hamburg","postalCode":"20095","country":"DE"}'
# place SKU QUANTITY [CARD]: an order, only drafted without a card; the product may be too new for the orders service to know it
try()    { post "$customer" "$orders/v1/orders" "{\"items\":[{\"sku\":\"$1\",\"quantity\":$2}]${3:+,\"submit\":{\"paymentMethod\":\"$3\",$address\}}}" 2>/dev/null | field id | grep .; }
place()  { patiently try "$@"; }
sql_orders() { PGPASSWORD=$(setting POSTGRES_PASSWORD) psql -qtAX -h 127.0.0.1 -p "$(setting POSTGRES_PORT)" -U postgres -d orders -c "$1"; }

in_clone up
operator=$(token "$(setting OPERATOR_EMAIL)" "$(setting OPERATOR_PASSWORD)")
for sku in TEAPOT CUP; do
    post "$operator" "$inventory/v1/products" "{\"sku\":\"$sku\",\"name\":\"$sku of earlier days\",\"price\":{\"amount\":\"24.90\",\"currency\":\"EUR\"}}"
    post "$operator" "$inventory/v1/products/$sku/receipts" '{"quantity":20,"reference":"opening stock"}'
done >/dev/null
email=ada.lovelace@shop.example password=Correct-horse-7
call "$users/v1/users" -H 'Content-Type: application/json' -d "{\"email\":\"$email\",\"password\":\"$password\",\"fullName\":\"Ada Lovelace\"}" >/dev/null
customer=$(token "$email" "$password")

# What has ended, each in its own way, and a draft. The price changes afterwards: old orders keep theirs.
completed=$(place TEAPOT 2 pm_card_visa); until_is status "$completed" completed
declined=$(place TEAPOT 1 pm_card_declined); until_is status "$declined" failed
short=$(place CUP 1000 pm_card_visa); until_is status "$short" failed
cancelled=$(place CUP 3 pm_card_slow); post "$customer" "$orders/v1/orders/$cancelled/cancel" '{"reason":"ordered twice"}' >/dev/null; until_is status "$cancelled" cancelled
draft=$(place CUP 2)
call -X PUT "$inventory/v1/products/TEAPOT/price" -H "Authorization: Bearer $operator" -H 'Content-Type: application/json' -d '{"price":{"amount":"29.90","currency":"EUR"}}' >/dev/null

# What is under way: mails that nobody takes, and orders that wait for a person, for the provider's answer, and for the broker.
in_clone stop SERVICE=mail
in_clone stop SERVICE=inventory
SHIPPING_AUTO_DISPATCH=false in_clone start SERVICE=inventory
undispatched=$(place CUP 1 pm_card_visa); until_is state "$undispatched" shipping
in_clone stop SERVICE=payment-sandbox
unpaid=$(place TEAPOT 1 pm_card_visa); until_is state "$unpaid" authorizingPayment
# Nothing of it may lie in the broker any more, which is not recorded: the next question to the provider waits in the outbox.
until_is sql_orders "SELECT count(*) FROM messaging.outbox WHERE exchange = 'orders.payments.calls' AND due_at > now() + interval '10 s'" 1
in_clone stop SERVICE=rabbitmq
unsent=$(place CUP 4 pm_card_visa)
call "$users/v1/users" -H 'Content-Type: application/json' -d '{"email":"grace.hopper@shop.example","password":"Correct-horse-7","fullName":"Grace Hopper"}' >/dev/null

{
    printf '{\n"version": "%s",\n"recordedAt": "%s",\n"operator": {"email": "%s", "password": "%s"},\n' "$(git -C "$clone" describe --tags --always)" "$(date -u +%FT%TZ)" \
        "$(setting OPERATOR_EMAIL)" "$(setting OPERATOR_PASSWORD)"
    printf '"masterSecret": "%s",\n"customer": {"email": "%s", "password": "%s"},\n"orders": [' "$(setting USERS_MASTER_SECRET)" "$email" "$password"
    separator=''
    for order in "$completed completed" "$declined failed" "$short failed" "$cancelled cancelled" "$draft draft" "$undispatched completed" "$unpaid completed" "$unsent completed"; do
        printf '%s\n{"ends": "%s", "was": %s}' "$separator" "${order#* }" "$(show "${order% *}")"
        separator=,
    done
    printf '\n]}\n'
} >"$target/story.json"
for service in orders inventory notifications users; do in_clone stop SERVICE=$service; done
for service in users orders inventory notifications; do
    # Plain statements, which any client can run, on any version from this server's on; owners and rights are those of where it is restored.
    PGPASSWORD=$(setting POSTGRES_PASSWORD) pg_dump -h 127.0.0.1 -p "$(setting POSTGRES_PORT)" -U postgres --no-owner --no-privileges --inserts --rows-per-insert=100 "$service" |
        grep -v '^\\' | gzip -9n >"$target/$service.sql.gz"
done
gzip -9nc "$clone/.local/payment-sandbox/journal.jsonl" >"$target/payment-sandbox.jsonl.gz"
in_clone down
du -sh "$target"
