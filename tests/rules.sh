#!/usr/bin/env bash
# What Prometheus and Alertmanager say of deploy/observability: the rules and their tests, the settings of both. One line "ok NAME" or "not ok NAME" each.
# promtool and amtool come with Debian's packages, which are installed where they are missing; their servers are not started.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/local/lib.sh"
. "$ROOT/deploy/local/packages.sh"
cd "$ROOT/deploy/observability"
wanted=()
has promtool || wanted+=(prometheus)
has amtool || wanted+=(prometheus-alertmanager)
[ ${#wanted[@]} = 0 ] || install_these "${wanted[@]}"

broken=0
check() {    # check NAME COMMAND...
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        printf '%s\n' "$said" | sed 's/^/    /'
        broken=1
    fi
}

for file in rules/*.yml; do check "the rules of $file" promtool check rules "$file"; done
for file in rules/tests/*.yml; do check "the tests of ${file/tests\//}" promtool test rules "$file"; done

# What prometheus.sh makes for replicas, a broker of three nodes, and TLS: it is right, and everybody is asked.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
touch "$work/ca.crt"
settings() {
    local made
    made=$(env SERVICE_TARGETS='users=users-1:1 orders=orders-1:1 users=users-2:1' RABBITMQ_TARGETS='node-1:2 node-2:2 node-3:2' POSTGRES_TARGET=postgres:3 \
        ALERTMANAGER_TARGET=alertmanager:4 TLS="$1" CA="$work/ca.crt" sh prometheus.sh "$work/made") && promtool check config "$made" || return
    for target in users-1:1 users-2:1 orders-1:1 node-1:2 node-2:2 node-3:2 postgres:3 alertmanager:4; do
        grep -qF "\"$target\"" "$work"/made/*.yml || { echo "$target is no target."; return 1; }
    done
}
check 'the settings of Prometheus' settings ''
check 'the settings of Prometheus with TLS' settings true
check 'the settings of Alertmanager' amtool check-config alertmanager.yml
exit "$broken"
