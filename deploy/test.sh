#!/usr/bin/env bash
# make test: all set-up, then every test, several projects side by side. Ends with one line "N passed, N failed, N skipped".
# Servers are private (.local/test, or containers of their own), never those of `make up`. With Docker and no SDK, the tests run in an SDK container.
# TESTS=word runs only the projects whose path contains it, ONLY=word only the tests whose full name does, REPEAT=n all of it n times,
# LONG=1 the soak, crash and property tests in full length, JOBS=n so many projects at once, TEST_SERVERS=keep leaves the servers running for the next one
# (local mode; make down ends them). docs/testing.md has more.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
. "$ROOT/deploy/local/precompiled.sh"
load_settings
MAKE_TARGET="test"
reports=$STATE/reports/tests

# count_results: adds up the .trx files below $reports, the lines of checks.sh and setup.sh, and what broke off without results
count_results() {
    local file counters total executed good
    passed=$(grep -hs '^ok ' "$reports/checks" | wc -l) failed=$(cat "$reports"/*.broken "$reports/checks" 2>/dev/null | grep -c '^not ok ' || true) skipped=0
    while IFS= read -r file; do
        counters=$(grep -o '<Counters [^>]*' "$file" | head -n 1)
        total=$(attribute total "$counters") executed=$(attribute executed "$counters") good=$(attribute passed "$counters")
        passed=$((passed + good)) failed=$((failed + executed - good)) skipped=$((skipped + total - executed))
    done < <(find "$reports" -name '*.trx' 2>/dev/null)
}
attribute() { sed "s/.* $1=\"\([0-9]*\)\".*/\1/" <<<"$2"; }

# fails NAME WHAT: counts as one failed test
fails() { printf 'not ok %s\n' "$2" >>"$reports/$1.broken"; }

# What no compiler checks; each of its lines counts as a test.
run_checks() {
    "$ROOT/tests/checks.sh" >"$reports/checks" 2>&1 9>&- || true
    "$ROOT/tests/setup.sh" "${setup:-}" >>"$reports/checks" 2>&1 9>&- || true
    report "$(grep -q '^not ok' "$reports/checks" && echo 1 || echo 0)" \
        "$(printf '%-28s %s hold' 'settings, scripts, set-up' "$(grep -c '^ok ' "$reports/checks")")" "$(grep -v '^ok ' "$reports/checks")"
}

# report STATUS SUMMARY DETAILS: in one piece, since others write as well
report() {
    if [ "$1" = 0 ]; then ok "$2"
    else printf '  %s✗%s %s\n%s\n' "$red" "$plain" "$2" "$(printf '%s\n' "$3" | grep -v '^[[:space:]]*$' | head -n "${TEST_FAILURE_LINES:-60}" | cut -c 1-400 | sed 's/^/      /')"; fi
}

end() {
    count_results
    [ $((passed + failed)) -gt 0 ] || { warn "no test ran at all"; failed=1; }
    [ "${REPEAT:-1}" = 1 ] || failures_by_test
    [ "$failed" = 0 ] || failures_in_short
    say ""
    say "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] || exit 1
    exit 0
}

failures_by_test() {
    step "Failures in $REPEAT runs"
    # Of a search that finds nothing find says that it failed.
    { find "$reports" -name '*.trx' -exec grep -ho '<UnitTestResult [^>]*outcome="Failed"' {} + || true; } | sed 's/.* testName="\([^"]*\)".*/\1/' | sort | uniq -c | sort -rn |
        awk '{ print "  " $0; n++ } END { if (!n) print "  none" }'
}

# The last lines are what a reader of a long log sees first: each test that failed, and how its message begins.
failures_in_short() {
    step "Failed"
    { cat "$reports"/*.broken "$reports/checks" 2>/dev/null || true; } | sed -n 's/^not ok /  /p'
    # A result file has all its tests on one line, and breaks it only where a message does.
    find "$reports" -name '*.trx' -exec cat {} + | tr -d '\r' | awk '{ gsub(/<UnitTestResult |<ErrorInfo>/, "\n&"); print }' | awk '
        /^<UnitTestResult / { failed = /^[^>]*outcome="Failed"/; name = $0; sub(/.* testName="/, "", name); sub(/".*/, "", name) }
        failed && /^<ErrorInfo>/ { print "  " name; left = 8 }
        left > 0 { ends = /<\/Message>/; sub(/^<ErrorInfo>.*<Message>/, ""); sub(/<\/Message>.*/, ""); print "      " substr($0, 1, 300); left = ends ? 0 : left - 1 }'
}

choose_runner() {
    choose_mode_for_tests
    if [ "$MODE" = docker ] && ! { has dotnet && (cd "$ROOT" && dotnet --version >/dev/null 2>&1); }; then
        runner=container
    else
        runner=host
    fi
}

# A machine on which `make up` runs locally may still have an engine: what is running says nothing about the tests.
choose_mode_for_tests() {
    if [ -z "${MODE:-}" ]; then
        if engine_answers; then MODE=docker; else MODE=local; fi
    fi
    choose_mode
}

test_projects() { (cd "$ROOT" && find . -name '*.Tests.csproj' -not -path './.local/*' -not -path './templates/*' -not -path '*/node_modules/*' | sort | grep -e "${TESTS:-.}" || true); }

# What the tested projects run in Node: what lies in a project's folder is its own, the rest is of the system tests.
npm_packages() {
    local projects folder owner
    projects=$(test_projects)
    while IFS= read -r folder; do
        owner=$folder
        until [ "$owner" = . ] || compgen -G "$ROOT/$owner/*.Tests.csproj" >/dev/null; do owner=$(dirname "$owner"); done
        [ "$owner" != . ] || owner=tests/System.Tests
        if grep -q "^./$owner/" <<<"$projects"; then echo "$folder"; fi
    done < <(cd "$ROOT" && find contracts tests services -name package-lock.json -not -path '*/node_modules/*' | sed 's|/[^/]*$||' | sort)
}

# What shows where a process stands; without it a wait in vain says less, and the tests are the same.
prepare_tools() { (cd "$ROOT" && dotnet tool restore) >"$STATE/logs/tools.log" 2>&1 || true; }

prepare_outsiders() {
    local folder sum
    : >"$STATE/logs/npm-tests.log"
    has npm || { warn "no npm here: the checks with consumers outside .NET will fail"; return 0; }
    while IFS= read -r folder; do
        sum=$(cksum <"$ROOT/$folder/package-lock.json")
        [ "$(cat "$ROOT/$folder/node_modules/.installed" 2>/dev/null)" != "$sum" ] || continue
        (cd "$ROOT/$folder" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) >>"$STATE/logs/npm-tests.log" 2>&1 || {
            tail -n 5 "$STATE/logs/npm-tests.log" >&2
            warn "npm ci failed in $folder"
            fails npm "npm ci in $folder"
            continue
        }
        printf '%s' "$sum" >"$ROOT/$folder/node_modules/.installed"
    done < <(npm_packages)
}

# All, or what is to be tested.
build_solution() {
    local project
    [ -n "${TESTS:-}" ] || { dotnet_build Microservices.sln >"$STATE/logs/test-build.log" 2>&1; return; }
    : >"$STATE/logs/test-build.log"
    while IFS= read -r project; do dotnet_build "$project" >>"$STATE/logs/test-build.log" 2>&1 || return; done < <(test_projects)
}
build() {
    step "Building"
    heed_advisories
    # Not in the foreground: until that ends, nobody hears of an interruption.
    beside 9 build_solution
    wait $! || {
        grep -E ' error ' "$STATE/logs/test-build.log" | sort -u | head -n 20 >&2
        warn "it does not build, see $STATE/logs/test-build.log"
        fails build "the solution builds"
        end
    }
    ok "built"
}

# ── Side by side ──────────────────────────────────────────────────────────────────────────────────────────────────

# The longest first, so that none of them is alone in the end.
in_order() { awk '{ print (/System/ ? 1 : /Messaging/ ? 2 : /Orders/ ? 3 : /Inventory|Notifications/ ? 4 : /Contracts|Web/ ? 5 : 6) " " $0 }' | sort -s -n -k1,1 | cut -d' ' -f2-; }

run_tests() {
    local run project jobs=${JOBS:-$(($(getconf _NPROCESSORS_ONLN) + 1))}
    step "Testing, $jobs projects at a time"
    cd "$ROOT"
    [ -n "${TESTS:-}${ONLY:-}" ] || beside "$jobs" run_checks
    for ((run = 1; run <= ${REPEAT:-1}; run++)); do
        [ "${REPEAT:-1}" = 1 ] || note "run $run of $REPEAT"
        while IFS= read -r project; do
            beside "$jobs" test_project "$project" "$run"
        done < <(test_projects | in_order)
        wait_for_fewer 1
    done
}

# beside N COMMAND...: as soon as fewer than N of them run. Each is a process group, so that whatever it leaves behind can be ended.
groups=()
beside() {
    wait_for_fewer "$1"
    shift
    set -m
    "$@" </dev/null &
    groups+=($!)
    set +m
}
wait_for_fewer() { until [ "$(jobs -rp | wc -l)" -lt "$1" ]; do sleep 0.2; done; }
end_groups() {
    local group
    for group in ${groups[@]+"${groups[@]}"}; do kill -KILL -- "-$group" 2>/dev/null || true; done
}

# The program of the tests itself: `dotnet test` starts four processes around it, for nothing that is needed here.
# A test that neither passes nor fails within ten minutes is named in the log, and its process ends; so does a whole project after an hour.
test_project() {
    local name log results status=0 ended=$((SECONDS + 3600)) tests
    name=$(basename "$1" .csproj) log=$STATE/logs/test-$(basename "$1" .csproj).log results=$reports/$name/$name-$2.trx
    mkdir -p "$reports/$name"
    : >"$log"
    "${1%/*}/bin/Debug/net10.0/$name" -noLogo -noColor -noAutoReporters -longRunning "${TEST_HANG:-600}" -result-trx "$results" ${ONLY:+-method "*$ONLY*"} >"$log" 2>&1 9>&- &
    tests=$!
    while kill -0 "$tests" 2>/dev/null; do
        if grep -q '\] \[Long Running Test\] ' "$log" || [ "$SECONDS" -gt "$ended" ]; then kill -KILL "$tests"; fi
        sleep 0.5
    done
    wait "$tests" || status=$?
    # A run that broke off has no results, or only good ones: it must not count as passed.
    [ "$status" = 0 ] || grep -qs 'outcome="Failed"' "$results" || fails "$name-$2" "$name broke off"
    [ "$status" = 0 ] && grep -qs '<Counters total="0"' "$results" || report "$status" "$(summary_of "$name" "$2")" "$(failures_in "$log")"
}

# What the tests of a log say that failed, and its end; services that run in the process of a test write there as well.
failures_in() {
    awk '/ \[FAIL\]$/ { told = 1; print; next } told && /^      / { print; next } { told = 0 } /\] \[Long Running Test\] / && !seen[$0]++' "$1"
    tail -n 3 "$1"
}

summary_of() {
    local counters
    counters=$(grep -ohs '<Counters [^>]*' "$reports/$1/$1-$2.trx" | head -n 1)
    if [ -n "$counters" ]; then printf '%-28s %s passed of %s' "$1" "$(attribute passed "$counters")" "$(attribute total "$counters")"
    else printf '%-28s no results' "$1"; fi
}

# ── Servers ───────────────────────────────────────────────────────────────────────────────────────────────────────

# They start while the solution builds: start_X begins, X_are_there ends.
start_local_servers() {
    step "Starting the test servers"
    trap 'end_groups; [ "${TEST_SERVERS:-}" = keep ] || deploy_test_servers stop || true' EXIT
    deploy_test_servers install
    beside 3 deploy_test_servers start
}
local_servers_are_there() {
    eval "$(deploy_test_servers env)"
    ok "PostgreSQL, RabbitMQ, Redis and a mail catcher, under .local/test"
}
# They live as long as the run: nothing that they wrote has to outlast a power cut.
deploy_test_servers() { UNSAFE=1 REDIS=true "$ROOT/deploy/local/servers.sh" test "$1"; }

# The consumers in Python (tests of the contracts from outside .NET) need two libraries.
install_test_packages() {
    local wanted=()
    . "$ROOT/deploy/local/packages.sh"
    /usr/bin/python3 -c 'import pika' 2>/dev/null || wanted+=(python3-pika)
    /usr/bin/python3 -c 'import jsonschema' 2>/dev/null || wanted+=(python3-jsonschema)
    [ ${#wanted[@]} = 0 ] || (install_these "${wanted[@]}") || warn "without ${wanted[*]} the checks with consumers in Python will fail"
}

start_container_servers() {
    step "Starting the test servers in containers"
    compose=(docker compose --project-name "$COMPOSE_PROJECT_NAME-test-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)" --file "$ROOT/tests/compose.yml")
    trap 'end_groups; "${compose[@]}" down --volumes --remove-orphans >/dev/null 2>&1 || true' EXIT
    beside 3 compose_up
}
compose_up() {
    "${compose[@]}" up --wait --quiet-pull postgres rabbitmq mail redis >"$STATE/logs/test-servers.log" 2>&1 || {
        tail -n 20 "$STATE/logs/test-servers.log" >&2
        die "The test servers did not become healthy."
    }
}
container_servers_are_there() {
    published() { "${compose[@]}" port "$1" "$2" | sed 's/.*://'; }
    if [ "$runner" = host ]; then
        TEST_POSTGRES="Host=127.0.0.1;Port=$(published postgres 5432);Username=postgres;Password=postgres"
        TEST_RABBITMQ=amqp://guest:guest@127.0.0.1:$(published rabbitmq 5672)
        TEST_RABBITMQ_MANAGEMENT=http://guest:guest@127.0.0.1:$(published rabbitmq 15672)
        TEST_MAIL_SMTP=127.0.0.1:$(published mail 1025) TEST_MAIL_API=http://127.0.0.1:$(published mail 1080)
        TEST_REDIS=127.0.0.1:$(published redis 6379),password=redis
        TEST_RABBITMQCTL=$(printf '%q ' "${compose[@]}" exec -T rabbitmq rabbitmqctl)
        export TEST_POSTGRES TEST_RABBITMQ TEST_RABBITMQ_MANAGEMENT TEST_RABBITMQCTL TEST_REDIS TEST_MAIL_SMTP TEST_MAIL_API
    fi
    ok "PostgreSQL 17, RabbitMQ 4, Redis and a mail catcher"
}

case ${REPEAT:-1} in *[!0-9]* | 0) die "REPEAT is '$REPEAT'; it can be a number from 1." ;; esac
need_disk 2500
choose_runner
if [ "${1:-}" != inside ]; then
    take_lock
    rm -rf "$reports"
    mkdir -p "$reports" "$STATE/logs"
    trap 'printf "\n"; warn "interrupted"; exit 130' INT TERM
    if [ "$MODE" = docker ]; then servers=container; else servers=local; fi
    if [ "$runner" = host ]; then
        . "$ROOT/deploy/local/services.sh"
        need_dotnet
        install_test_packages
    fi
    "start_${servers}_servers"
    starting=$!
    if [ "$runner" = container ]; then
        wait "$starting" || exit 1
        step "No SDK on this machine: the tests run in a container that has one"
        status=0
        "${compose[@]}" run --rm --build -T -e TESTS -e ONLY -e REPEAT -e LONG -e JOBS -e SEED -e CsCheck_Seed -e TEST_HANG -e TEST_FAILURE_LINES tests || status=1
        # The results of the container lie in the reports folder, which it shares; checks without a result file are in its last line.
        exit "$status"
    fi
    [ "$MODE" = docker ] || setup=servers
else
    # in the SDK container: the servers are there, the settings come from its environment
    mkdir -p "$reports" "$STATE/logs"
    trap end_groups EXIT
fi
# Processes of tests live for seconds: to watch what could be compiled better, and to compile it again, costs more than it brings.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_TieredPGO=0 DOTNET_TC_CallCounting=0
beside 4 prepare_outsiders
beside 4 prepare_tools
beside 4 precompile
build
wait_for_fewer 1
place_precompiled bin/Debug chassis contracts deploy services tests
if [ -n "${starting:-}" ]; then
    wait "$starting" || die "Without servers there is nothing to test."
    "${servers}_servers_are_there"
fi
run_tests
end
