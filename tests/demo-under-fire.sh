#!/usr/bin/env bash
# The demo must end well although a service is killed with kill -9 in its middle and started again: every service once.
# Against what `make up` runs, in either mode. Services to kill as arguments; all without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
victims=("$@")
[ ${#victims[@]} -gt 0 ] || victims=(orders inventory users notifications)

for victim in "${victims[@]}"; do
    echo "── the demo, with $victim killed in the middle"
    log=$(mktemp)
    make --no-print-directory demo >"$log" 2>&1 &
    demo=$!
    # the middle: orders are placed and the first steps are through
    for _ in $(seq 1200); do
        grep -q 'reserve stock' "$log" && break
        kill -0 "$demo" 2>/dev/null || break
        sleep 0.1
    done
    make --no-print-directory kill SERVICE="$victim"
    make --no-print-directory start SERVICE="$victim"
    if wait "$demo"; then
        tail -n 4 "$log"
    else
        cat "$log"
        echo "The demo did not survive the death of $victim." >&2
        exit 1
    fi
    rm -f "$log"
done
