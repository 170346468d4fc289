#!/usr/bin/env bash
# make observe: everything up as `make up` has it, and telemetry beside it: traces, logs, metrics, rules and alerts. It stays on until `make down`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
mkdir -p "$STATE"
: >"$STATE/observed"
exec "$ROOT/deploy/up.sh"
