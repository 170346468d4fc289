#!/usr/bin/env bash
# `dotnet test` as on a fresh clone, without make and without its servers.
#   without-make.sh nothing              no engine either: nothing fails, and every test that is skipped says why
#   without-make.sh engine [PROJECT...]  servers from Testcontainers, one of each kind: everything passes, and no container is left behind
# Takes what is built; PROJECT is the solution where none is named.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
mode=${1:?nothing or engine}
shift
[ $# -gt 0 ] || set -- Microservices.sln
log=.local/logs/without-make-$mode.log
mkdir -p "${log%/*}"
: >"$log"

# In continuous integration a test that cannot run has failed; here it is to be skipped.
unset TEST_POSTGRES TEST_RABBITMQ TEST_RABBITMQ_MANAGEMENT TEST_RABBITMQCTL TEST_REDIS TEST_REDIS_TLS TEST_MAIL_SMTP TEST_MAIL_API CI
[ "$mode" = engine ] || export DOCKER_HOST=unix:///nonexistent
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0

containers() { docker ps --all --quiet --filter "label=shop.tests=$PWD" | wc -l; }

status=0 most=0
for project in "$@"; do
    dotnet test "$project" --no-build --nologo --logger "console;verbosity=detailed" >>"$log" 2>&1 &
    test=$!
    while kill -0 "$test" 2>/dev/null; do
        if [ "$mode" = engine ] && [ "$(containers)" -gt "$most" ]; then most=$(containers); fi
        sleep 1
    done
    wait "$test" || status=$?
done

sum() { awk -v word="$1:" '$1 == word && $2 ~ /^[0-9]+$/ { n += $2 } END { print n + 0 }' "$log"; }
passed=$(sum Passed) failed=$(sum Failed) skipped=$(sum Skipped)
# Of a server that is to be killed there is none to be had from an engine.
explained=$(grep -cE '^ +This test (needs a server \([a-z]*\), and there is none: start a Docker engine, or run `make test`|kills a .* of its own, .*: make test)' "$log")
printf '%s passed, %s failed, %s skipped' "$passed" "$failed" "$skipped"

problem() { printf '\n%s: %s\n' "$log" "$1"; exit 1; }
[ "$status" = 0 ] && [ "$failed" = 0 ] || { grep -E '\[FAIL\]|Cleanup Failure| error ' "$log" | head -n 20; problem 'tests failed'; }
[ "$passed" -gt 0 ] || problem 'nothing passed'
if [ "$mode" = nothing ]; then
    printf ' (%s say that a server is missing and what to do)\n' "$explained"
    [ "$skipped" -gt 0 ] || problem 'nothing was skipped: there must have been servers'
    [ "$explained" -ge "$skipped" ] || problem 'tests were skipped without a reason'
    grep -q '• This test needs a server' "$log" || problem 'the console does not say why tests are skipped'
else
    printf ', at most %s containers at once, %s left behind\n' "$most" "$(containers)"
    [ "$skipped" = 0 ] || problem 'tests were skipped'
    [ "$most" -gt 0 ] && [ "$most" -le 4 ] || problem 'not one container of each kind'
    [ "$(containers)" = 0 ] || problem 'containers are left behind'
fi
