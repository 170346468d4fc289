#!/bin/sh
# The accounts of partners at the broker: docs/how-to/connect-a-partner.md. Where the broker runs, with rabbitmqctl in the PATH:
#   partner.sh set NAME TYPE...   the account partner.NAME, which may listen to these events and have queues partner.NAME.*; its password comes from standard input
#   partner.sh drop NAME          ends it, its connections and its queues
# A type is the name of an event, or of all of a kind: shop.order.confirmed.v1, shop.shipment.#. What is said of people (shop.user.) is for no partner.
set -eu
vhost=${VHOST:-/}

fail() {
    printf 'partner.sh: %s\n' "$1" >&2
    exit 1
}

# pattern TYPE...: the regular expression that is true of these names and of no others
pattern() {
    printf '^('
    first=
    for type; do
        printf '%s%s' "$first" "$type" | sed 's/\./\\./g'
        first='|'
    done
    printf ')$'
}

# matches TEXT PATTERN: the whole text, which has one line
matches() { [ "$(printf '%s' "$1" | grep -Ex "$2")" = "$1" ] && [ -n "$1" ]; }

check() {
    matches "$1" 'shop\.[a-z]+\.([a-z-]+\.v[0-9]+|#)' || fail "$1 is no event: shop.order.confirmed.v1, or shop.order.# for all of a kind"
    case $1 in shop.user.*) fail "$1 tells of people, and is for no partner" ;; esac
}

action=${1:-} name=${2:-}
case $action in set | drop) ;; *) fail 'set NAME TYPE..., or drop NAME' ;; esac
matches "$name" '[a-z][a-z0-9-]{0,30}' || fail "a partner's name has up to 31 small letters, digits and hyphens"
account=partner.$name
if [ "$action" = drop ]; then
    rabbitmqctl -q close_all_user_connections "$account" 'The account has ended.' || true
    rabbitmqctl -q delete_user "$account"
    for queue in $(rabbitmqctl -q list_queues -p "$vhost" --no-table-headers name | grep "^partner\.$name\." || true); do
        rabbitmqctl -q delete_queue -p "$vhost" "$queue"
    done
    exit
fi

shift 2
[ $# -gt 0 ] || fail 'which events may the partner hear?'
for type; do check "$type"; done
IFS= read -r password || [ -n "$password" ] || fail 'the password comes from standard input'
[ ${#password} -ge 16 ] || fail 'the password must have at least 16 characters'

exists=$(rabbitmqctl -q list_users --no-table-headers | cut -f 1 | grep -Fx "$account" || true)
printf '%s\n' "$password" | rabbitmqctl -q "$([ -n "$exists" ] && echo change_password || echo add_user)" "$account"
rabbitmqctl -q set_user_tags "$account"
own="^partner\\.$name\\."
# An exchange of all of a kind does not exist: for those the topic exchange serves, whose binding must read as it was agreed.
rabbitmqctl -q set_permissions -p "$vhost" "$account" "$own" "$own" "${own}|$(pattern shop.events "$@")"
rabbitmqctl -q set_topic_permissions -p "$vhost" "$account" shop.events '^$' "$(pattern "$@")"
