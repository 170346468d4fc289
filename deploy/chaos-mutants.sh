#!/usr/bin/env bash
# make chaos-mutants: the test of the invariants of make chaos. Every patch of tests/Chaos/Mutants plants one bug behind a switch; all are applied to
# a copy of the sources, which is built once and run once for each bug. MUTANTS=word[,word] tries only those whose name contains a word;
# the run without any bug, which must pass, is called (none).
# Writes .local/reports/mutants.json.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
. "$ROOT/deploy/local/services.sh"
. "$ROOT/deploy/local/precompiled.sh"
project=tests/Chaos
copy=$STATE/mutants
need_disk 4000
need_dotnet
heed_advisories
has git || die "git is missing; it applies the patches."
mkdir -p "$STATE/logs" "$STATE/reports"
trap 'printf "\n"; warn "interrupted"; exit 130' INT TERM
trap '"$ROOT/deploy/local/servers.sh" chaos stop || true' EXIT

# Where the tests are that a bug can be caught by; tests/Chaos/Mutants/CatchingTest.cs has the same.
tests=(chassis/tests/EventSourcing.Tests chassis/tests/Messaging.Tests tests/Gateway.Tests)

# What the services and the gateway are made of, without its tests but these; the copy is not part of any repository above it.
plant() {
    local patch
    rm -rf "$copy"
    mkdir -p "$copy"
    (cd "$ROOT" && tar -cf - --exclude=bin --exclude=obj --exclude=node_modules --exclude=tests --exclude='*.Tests' Directory.Build.props Directory.Build.targets \
        Directory.Packages.props global.json .editorconfig chassis contracts services deploy/gateway deploy/payment-sandbox deploy/local/System.proj &&
        tar -cf - --exclude=bin --exclude=obj tests/Demo chassis/tests/Messaging.CrashHost "${tests[@]}") |
        tar -xf - --ignore-zeros -C "$copy"
    for patch in "$ROOT/$project"/Mutants/*.patch; do
        GIT_CEILING_DIRECTORIES=$STATE git -C "$copy" apply "$patch" 2>"$STATE/logs/mutants-patch.log" || {
            cat "$STATE/logs/mutants-patch.log" >&2
            die "$(basename "$patch") does not apply any more." "Make it anew from the sources as they are now: docs/guarantees.md says how."
        }
    done
}

failed() {
    grep -E ' error ' "$1" | sort -u | head -n 15 >&2
    die "The build failed, see $1."
}

step "Planting the bugs"
# `sources` leaves out the tests, and the gateway of a system that has none.
built_from=$(sources; cd "$ROOT" && find "${tests[@]}" deploy/gateway "$project"/Mutants/*.patch \( -name bin -o -name obj \) -prune -o -type f \
    -exec sha256sum {} + | sort | sha256sum)
if [ "$(cat "$copy/built-from" 2>/dev/null)" != "$built_from" ]; then
    plant
    step "Building"
    for part in deploy/local/System.proj "${tests[@]}"; do
        dotnet_build "$copy/$part" --configuration Release >"$STATE/logs/mutants-build.log" 2>&1 || failed "$STATE/logs/mutants-build.log"
    done
    printf '%s' "$built_from" >"$copy/built-from"
fi
dotnet_build "$project" --configuration Release >"$STATE/logs/chaos-build.log" 2>&1 || failed "$STATE/logs/chaos-build.log"
precompile
place_precompiled bin/Release "$copy"
step "Starting the servers that will be broken"
"$ROOT/deploy/local/servers.sh" chaos start
eval "$("$ROOT/deploy/local/servers.sh" chaos env)"
cd "$ROOT"
# A process of such a run lives for a minute or two: to watch what could be compiled better, and to compile it again, costs more than it brings.
export DOTNET_TieredPGO=0 DOTNET_TC_CallCounting=0
dotnet run --project "$project" --configuration Release --no-build -- mutants "$copy"
