#!/usr/bin/env bash
# What no compiler checks: that the two run modes, the settings and the README say the same. One line "ok NAME" or "not ok NAME" each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

check() {    # check NAME COMMAND...: the command prints what is wrong, and nothing otherwise
    local name=$1 found
    shift
    found=$("$@" 2>&1)
    if [ -z "$found" ]; then
        printf 'ok %s\n' "$name"
    else
        printf 'not ok %s\n' "$name"
        printf '%s\n' "$found" | head -n 20 | sed 's/^/    /'
    fi
}

defaults_differ() {    # every ${NAME:-default} of compose and of deploy/env is the default that .env.example names
    local use name value
    grep -oh '\${[A-Z_]*:-[^${}]*}' docker-compose.yml docker-compose.cluster.yml deploy/env/*.env | sort -u | while IFS= read -r use; do
        name=${use#??} name=${name%%:-*} value=${use#*:-} value=${value%\}}
        case $name in SHOP_* | REPLICAS) continue ;; esac
        grep -q "^$name=" .env.example || { echo "$name is not in .env.example"; continue; }
        [ "$(sed -n "s/^$name=//p" .env.example)" = "$value" ] || echo "$name: .env.example and $use differ"
    done
}

settings_unused() {    # a setting that nothing reads is a lie
    local name
    sed -n 's/^\([A-Z_]*\)=.*/\1/p' .env.example | while IFS= read -r name; do
        grep -rqwE "$name|${name%_PORT}" --include='*.sh' --include='*.env' --include='*.yml' --include='*.json' deploy docker-compose.yml docker-compose.cluster.yml || echo "$name"
    done
}

ports_are_open() { grep -nE '^\s*(ports:|-).*[0-9}]:[0-9]+"' docker-compose.yml docker-compose.cluster.yml | grep -v '127\.0\.0\.1:'; }

scripts_are_broken() {
    local file
    for file in deploy/*.sh deploy/local/*.sh tests/*.sh .ci/run; do bash -n "$file"; done
    for file in deploy/postgres/*.sh deploy/rabbitmq/*.sh deploy/redis/*.sh; do sh -n "$file"; done
    if command -v shellcheck >/dev/null; then
        shellcheck --severity=warning --exclude=SC1090,SC1091,SC2010,SC2034,SC2046,SC2048,SC2154 deploy/*.sh deploy/local/*.sh tests/*.sh deploy/postgres/*.sh deploy/rabbitmq/*.sh deploy/redis/*.sh .ci/run
    fi
}

images_go_astray() {
    grep -n '^# *syntax' $(git ls-files '*Dockerfile' 2>/dev/null || find services deploy -name Dockerfile)
    for file in services/*/*/Dockerfile deploy/payment-sandbox/Dockerfile; do
        grep -q '^USER' "$file" || echo "$file runs as root"
        grep -qE 'curl|wget' "$file" && echo "$file needs curl or wget"
    done
}

lock_names_a_host() { grep -n '"resolved"' deploy/local/package-lock.json; }

broker_rights_are_wide() {    # a service's user may touch its own names and the shop's exchanges, never everything
    sed 's/\${[A-Z_]*}/x/g' deploy/rabbitmq/definitions.json | tr -d '\n' | grep -oE '\{[^{}]*"configure"[^{}]*\}' | grep -v '"user": "x"' |
        grep -E '"(configure|write|read)": "(\.\*|\^\.\*.*)"'
}

tour_is_missing() { tests/tour.sh --print | grep -q 'make stop SERVICE=inventory' || echo "README.md has no tour between its markers"; }

name_is_inside_words() {    # under another name a word that only contains it would be none, and nor would a sentence that has it for a thing of many
    local name word
    git rev-parse >/dev/null 2>&1 || return 0
    name=$(basename contracts/*.Contracts .Contracts) word=$(basename contracts/*.Contracts .Contracts | tr '[:upper:]' '[:lower:]')
    git grep -nIE "[a-z]$word|($word|$name)[a-z]|(^|[^a-z])(an?|any|every|another|this|whole|my|your|our) ($word|$name)([^A-Za-z]|\$)" -- . ':!*lock.json'
}

mutants_do_not_apply() {    # the bugs that `make chaos-mutants` plants fit the sources, all of them together
    if command -v git >/dev/null; then
        cat tests/Chaos/Mutants/*.patch | git apply --check -
    elif command -v patch >/dev/null; then
        for file in tests/Chaos/Mutants/*.patch; do patch -p1 --dry-run --silent --force <"$file" || echo "$file does not apply"; done
    else
        echo "neither git nor patch is here to try them with"
    fi
}

test_images_differ() {    # the tests run on the servers of the system
    local service image
    for service in postgres rabbitmq redis mail; do
        image=$(image_of "$service" docker-compose.yml)
        [ -n "$image" ] && [ "$(image_of "$service" tests/compose.yml)" = "$image" ] || echo "$service: docker-compose.yml and tests/compose.yml have different images"
    done
}
image_of() { sed -n "/^  $1:\$/,/^  [a-z]/s/^    image: \([^ ]*\).*/\1/p" "$2"; }

check 'defaults in compose and in deploy/env are those of .env.example' defaults_differ
check 'every setting of .env.example is read somewhere' settings_unused
check 'containers publish ports on 127.0.0.1 only' ports_are_open
check 'scripts parse' scripts_are_broken
check 'images need no pulled syntax, no root and no curl' images_go_astray
check 'tests and system have the same images' test_images_differ
check 'the mail catcher is locked without naming a registry' lock_names_a_host
check 'broker users have only their own rights' broker_rights_are_wide
check 'the tour of the README can be found' tour_is_missing
check 'the planted bugs of make chaos-mutants apply' mutants_do_not_apply
check 'every how-to is done by tests/how-to.sh, or says why not' tests/how-to.sh list
check 'make rename would find the name, and nothing but the name' name_is_inside_words
