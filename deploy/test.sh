#!/usr/bin/env bash
# make test: all set-up, then every test, project by project. Ends with one line "N passed, N failed, N skipped".
# Servers are private (.local/test, or containers of their own), never those of `make up`. With Docker and no SDK, the tests run in an SDK container.
# TESTS=word runs only the projects whose path contains it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"
load_settings
MAKE_TARGET=test
reports=$STATE/reports/tests

# count_results: adds up the .trx files below $reports
count_results() {
    passed=0 failed=0 skipped=0
    local file counters total executed good
    while IFS= read -r file; do
        counters=$(grep -o '<Counters [^>]*' "$file" | head -n 1)
        total=$(sed 's/.* total="\([0-9]*\)".*/\1/' <<<"$counters")
        executed=$(sed 's/.* executed="\([0-9]*\)".*/\1/' <<<"$counters")
        good=$(sed 's/.* passed="\([0-9]*\)".*/\1/' <<<"$counters")
        passed=$((passed + good)) failed=$((failed + executed - good)) skipped=$((skipped + total - executed))
    done < <(find "$reports" -name '*.trx' 2>/dev/null)
}

# What no compiler checks; each of its lines counts as a test.
run_checks() {
    local line
    step "Checking settings, scripts, images and what the set-up meets on users' machines"
    while IFS= read -r line; do
        case $line in
            'ok '*) checks_passed=$((checks_passed + 1)) ;;
            'not ok '*) broken=$((broken + 1)); say "  ${red}✗${plain} ${line#not ok }" ;;
            *) say "  $line" ;;
        esac
    done < <("$ROOT/deploy/tests/checks.sh"; "$ROOT/deploy/tests/setup.sh" "${setup:-}")
    ok "$checks_passed hold"
}

end() {
    count_results
    passed=$((passed + checks_passed))
    failed=$((failed + broken))
    [ $((passed + failed)) -gt 0 ] || { warn "no test ran at all"; failed=1; }
    say ""
    say "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] || exit 1
    exit 0
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

test_projects() { (cd "$ROOT" && find . -name '*.Tests.csproj' -not -path '*/node_modules/*' | sort | grep -e "${TESTS:-.}" || true); }

npm_packages() { (cd "$ROOT" && find contracts deploy/tests services -name package-lock.json -not -path '*/node_modules/*' | sed 's|/[^/]*$||' | sort); }

prepare_outsiders() {
    local folder
    has npm || { warn "no npm here: the checks with consumers outside .NET will fail"; return 0; }
    while IFS= read -r folder; do
        [ -n "$folder" ] || continue
        note "npm ci in $folder"
        (cd "$ROOT/$folder" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) >>"$STATE/logs/npm-tests.log" 2>&1 ||
            { tail -n 5 "$STATE/logs/npm-tests.log" >&2; warn "npm ci failed in $folder"; broken=$((broken + 1)); }
    done < <(npm_packages)
}

run_tests() {
    local project name
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
    cd "$ROOT"
    heed_advisories
    step "Building"
    dotnet_build Microservices.sln >"$STATE/logs/test-build.log" 2>&1 || {
        grep -E ' error ' "$STATE/logs/test-build.log" | sort -u | head -n 20 >&2
        warn "the solution does not build, see $STATE/logs/test-build.log"
        broken=$((broken + 1))
        end
    }
    ok "built"
    step "Testing"
    for project in $(test_projects); do
        name=$(basename "$project" .csproj)
        if dotnet test "$project" --no-build --nologo --verbosity quiet --logger "console;verbosity=minimal" --results-directory "$reports/$name" --logger "trx;LogFileName=$name.trx" \
            -- RunConfiguration.TestSessionTimeout="${TEST_PROJECT_TIMEOUT_MS:-900000}" >"$STATE/logs/test-$name.log" 2>&1 9>&-; then
            ok "$(summary_of "$name")"
        else
            say "  ${red}✗${plain} $(summary_of "$name")"
            grep -vE '^\s*$' "$STATE/logs/test-$name.log" | head -n "${TEST_FAILURE_LINES:-60}" | sed 's/^/      /'
            # A run that broke off has no results, or only good ones: it must not count as passed.
            grep -qs 'outcome="Failed"' "$reports/$name/$name.trx" || broken=$((broken + 1))
        fi
    done
}

summary_of() {
    local counters
    counters=$(grep -ohs '<Counters [^>]*' "$reports/$1/$1.trx" | head -n 1)
    if [ -n "$counters" ]; then
        printf '%-28s %s passed of %s' "$1" "$(sed 's/.* passed="\([0-9]*\)".*/\1/' <<<"$counters")" "$(sed 's/.* total="\([0-9]*\)".*/\1/' <<<"$counters")"
    else
        printf '%-28s no results' "$1"
    fi
}

# ── Servers ───────────────────────────────────────────────────────────────────────────────────────────────────────

local_servers() {
    step "Starting the test servers"
    trap 'deploy_test_servers stop || true' EXIT
    deploy_test_servers start
    eval "$(deploy_test_servers env)"
    ok "PostgreSQL, RabbitMQ and a mail catcher, under .local/test"
}
deploy_test_servers() { "$ROOT/deploy/local/servers.sh" test "$1"; }

# The consumers in Python (tests of the contracts from outside .NET) need two libraries.
install_test_packages() {
    local wanted=()
    . "$ROOT/deploy/local/packages.sh"
    /usr/bin/python3 -c 'import pika' 2>/dev/null || wanted+=(python3-pika)
    /usr/bin/python3 -c 'import jsonschema' 2>/dev/null || wanted+=(python3-jsonschema)
    [ ${#wanted[@]} = 0 ] || (install_these "${wanted[@]}") || warn "without ${wanted[*]} the checks with consumers in Python will fail"
}

container_servers() {
    step "Starting the test servers in containers"
    compose=(docker compose --project-name "$COMPOSE_PROJECT_NAME-test-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)" --file "$ROOT/deploy/tests/compose.yml")
    trap '"${compose[@]}" down --volumes --remove-orphans >/dev/null 2>&1 || true' EXIT
    "${compose[@]}" up --wait --quiet-pull postgres rabbitmq mail >"$STATE/logs/test-servers.log" 2>&1 || {
        tail -n 20 "$STATE/logs/test-servers.log" >&2
        die "The test servers did not become healthy."
    }
    published() { "${compose[@]}" port "$1" "$2" | sed 's/.*://'; }
    if [ "$runner" = host ]; then
        TEST_POSTGRES="Host=127.0.0.1;Port=$(published postgres 5432);Username=postgres;Password=postgres"
        TEST_RABBITMQ=amqp://guest:guest@127.0.0.1:$(published rabbitmq 5672)
        TEST_RABBITMQ_MANAGEMENT=http://guest:guest@127.0.0.1:$(published rabbitmq 15672)
        TEST_MAIL_SMTP=127.0.0.1:$(published mail 1025) TEST_MAIL_API=http://127.0.0.1:$(published mail 1080)
        export TEST_POSTGRES TEST_RABBITMQ TEST_RABBITMQ_MANAGEMENT TEST_MAIL_SMTP TEST_MAIL_API
    fi
    ok "PostgreSQL 17, RabbitMQ 4 and a mail catcher"
}

broken=0 checks_passed=0
need_disk 2500
choose_runner
if [ "${1:-}" != inside ]; then
    take_lock
    rm -rf "$reports"
    mkdir -p "$reports" "$STATE/logs"
    trap 'printf "\n"; warn "interrupted"; exit 130' INT TERM
    : >"$STATE/logs/npm-tests.log"
    if [ "$MODE" = docker ]; then container_servers; else local_servers; fi
    if [ "$runner" = container ]; then
        step "No SDK on this machine: the tests run in a container that has one"
        "${compose[@]}" run --rm --build -T -e TESTS="${TESTS:-}" tests || broken=1
        # The results of the container lie in the reports folder, which it shares; checks without a result file are in its last line.
        exit "$broken"
    else
        . "$ROOT/deploy/local/services.sh"
        need_dotnet
        install_test_packages
        [ "$MODE" = docker ] || setup=servers
        prepare_outsiders
        run_checks
        run_tests
    fi
else
    # in the SDK container: the servers are there, the settings come from its environment
    mkdir -p "$reports" "$STATE/logs"
    prepare_outsiders
    run_checks
    run_tests
fi
end
