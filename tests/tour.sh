#!/usr/bin/env bash
# Runs the tour of README.md against what `make up` started, exactly as it stands there, and checks what it shows.
# --print only shows the commands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tour() { awk '/<!-- tour -->/ { inside = 1 } /<!-- end of the tour -->/ { inside = 0 } inside && /^```/ { code = !code; next } inside && code' README.md; }

[ "${1:-}" != --print ] || { tour; exit; }
output=$(mktemp)
trap 'rm -f "$output"' EXIT
# `make start` may not take the terminal's input for itself, nor a paste's next lines
bash -euo pipefail -c "$(tour)" </dev/null 2>&1 | tee "$output"

expect() { grep -qE "$1" "$output" || { echo "the tour should have shown: $1" >&2; exit 1; }; }
expect '^a good card: +completed'
expect '^a declined card: +failed.*payment_declined'
expect '^with inventory stopped: +submitted'
expect '^and started again: +completed'
! grep -n '"status":4' "$output" || { echo "a request of the tour was refused; it may be run as often as one likes" >&2; exit 1; }
