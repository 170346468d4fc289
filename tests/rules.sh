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
if [ -f prometheus.yml ]; then check 'the settings of Prometheus' promtool check config prometheus.yml; fi
check 'the settings of Alertmanager' amtool check-config alertmanager.yml
exit "$broken"
