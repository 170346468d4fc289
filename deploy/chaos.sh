#!/usr/bin/env bash
# make chaos: the real system under injected faults, its guarantees checked from outside. ORDERS, FAULTS and SEED choose the run;
# CLUSTER=1: the broker has three nodes, and what can happen to one of them happens first;
# UPGRADE_FROM=v1.2.0: begins with that version, and upgrades, rolls back and upgrades again, replica by replica, while orders come;
# REPLICAS, FAULT_KINDS=kind,kind and ORDER_KINDS=kind,kind make it a special one; CONSOLE=1 opens the operators' console, with somebody who
# looks at its pages. make fuzz: the same without faults, and REQUESTS and MESSAGES of a fuzzer instead.
# ALERTS=1: each alert of deploy/observability, fired by the fault that it is for, and silent again afterwards; FAULT_KINDS=words,words takes the faults with them.
# Writes .local/reports/chaos.json and a page with the timeline beside it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
. "$ROOT/deploy/local/services.sh"
. "$ROOT/deploy/local/precompiled.sh"
. "$ROOT/deploy/local/packages.sh"
. "$ROOT/deploy/local/observability.sh"
project=tests/Chaos
need_disk 3000
need_dotnet
heed_advisories
mkdir -p "$STATE/logs" "$STATE/reports"
trap 'printf "\n"; warn "interrupted"; exit 130' INT TERM
trap '"$ROOT/deploy/local/servers.sh" chaos stop || true' EXIT

[ -z "${ALERTS:-}" ] || install_observers
step "Starting the servers that will be broken"
"$ROOT/deploy/local/servers.sh" chaos start
eval "$("$ROOT/deploy/local/servers.sh" chaos env)"
step "Building"
cd "$ROOT"
{ dotnet_build deploy/local/System.proj --configuration Release && dotnet_build "$project" --configuration Release; } >"$STATE/logs/chaos-build.log" 2>&1 ||
    { grep -E ' error ' "$STATE/logs/chaos-build.log" | sort -u | head -n 15 >&2; die "The build failed, see $STATE/logs/chaos-build.log."; }
precompile
place_precompiled bin/Release deploy services
if [ -n "${UPGRADE_FROM:-}" ]; then
    # The version that is upgraded from: from git alone, so that no change of this folder is in it.
    commit=$(git rev-parse --verify --quiet "$UPGRADE_FROM^{commit}") || die "UPGRADE_FROM is '$UPGRADE_FROM', and git has no such version here." "A clone of all of its history has it: git fetch --unshallow"
    export UPGRADE_TREE=$STATE/upgrade/$commit
    if [ ! -e "$UPGRADE_TREE/built" ]; then
        step "Building the version that is upgraded from, $UPGRADE_FROM"
        rm -rf "$UPGRADE_TREE" && mkdir -p "$UPGRADE_TREE"
        git archive "$commit" | tar -x -C "$UPGRADE_TREE"
        dotnet_build "$UPGRADE_TREE/deploy/local/System.proj" --configuration Release >"$STATE/logs/upgrade-build.log" 2>&1 ||
            { grep -E ' error ' "$STATE/logs/upgrade-build.log" | sort -u | head -n 15 >&2; die "The version that is upgraded from does not build, see $STATE/logs/upgrade-build.log."; }
        : >"$UPGRADE_TREE/built"
    fi
fi
export ORDERS=${ORDERS:-1000} FAULTS=${FAULTS:-18} SEED=${SEED:-}
dotnet run --project "$project" --configuration Release --no-build
