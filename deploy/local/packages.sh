# Debian and Ubuntu packages for the run mode without containers. Sourced by infrastructure.sh.
# shellcheck shell=bash

POLICY=/usr/sbin/policy-rc.d

postgres_bin() {
    local dir
    dir=$(find /usr/lib/postgresql -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1)
    if [ -n "$dir" ]; then dirname "$dir"
    elif has initdb && has postgres; then dirname "$(readlink -f "$(command -v postgres)")"
    else return 1; fi
}

rabbitmq_bin() {
    local dir
    for dir in /usr/lib/rabbitmq/bin /opt/rabbitmq/sbin; do
        [ -x "$dir/rabbitmq-server" ] && { printf '%s' "$dir"; return; }
    done
    return 1
}

node_is_new_enough() { has node && [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 18 ]; }

missing_packages() {
    postgres_bin >/dev/null || echo postgresql
    rabbitmq_bin >/dev/null || echo rabbitmq-server
    [ -z "${REDIS:-}" ] || has redis-server || echo redis-server
    [ -z "${TLS:-}${RABBITMQ_TLS_PORT:-}" ] || has openssl || echo openssl
    [ -z "${TLS:-}" ] || has curl || echo curl
    if [ ! -f "$ROOT/.local/maildev/installed" ] || ! has node; then
        node_is_new_enough || echo nodejs
        has npm || echo npm
    fi
}

# Installs what is missing. The packages of PostgreSQL and RabbitMQ start servers on the default ports when they are
# installed: policy-rc.d forbids it meanwhile, and units that came with this installation stay disabled afterwards.
# A server that was there before is not touched.
install_packages() {
    local wanted
    if grep -q 'Placed while packages are installed' "$POLICY" 2>/dev/null; then
        as_root env bash "${BASH_SOURCE[0]}" restore || warn "a former installation was cut off and left $POLICY; remove it"
    fi
    wanted=$(missing_packages)
    # shellcheck disable=SC2086  # one word a package
    install_these $wanted
    [ -f "$ROOT/.local/maildev/installed" ] || node_is_new_enough ||
        die "Node.js $(node --version) is too old for the mail catcher, which needs 18." "Install a newer one, or use Docker: make up MODE=docker"
}

# install_these PACKAGE...
install_these() {
    [ $# -gt 0 ] || return 0
    mkdir -p "$STATE/logs"
    has apt-get || die "Missing: $*, and this is no Debian or Ubuntu on which they could be installed." \
        "Install PostgreSQL 15+, RabbitMQ 3.10+, Node.js 18+ and npm yourself, or use Docker: make up MODE=docker"
    if [ "$(id -u)" != 0 ] && ! { has sudo && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; }; then
        die "Missing: $*; installing needs root." \
            "Run once as root:  apt-get install $*   (or use Docker: make up MODE=docker)"
    fi
    step "Installing $* (once; that may take some minutes, its log: $STATE/logs/packages.log)"
    as_root env bash "${BASH_SOURCE[0]}" install "$@" >"$STATE/logs/packages.log" 2>&1 || {
        tail -n 15 "$STATE/logs/packages.log" >&2
        die "apt-get could not install $*; the end of $STATE/logs/packages.log is above." \
            "Is this machine online, and is no other package manager at work?"
    }
    ok "installed"
}

# ── Below: the part that runs as root, in a process of its own so that its trap always fires ─────────────────────

forbid_server_starts() {
    allow_server_starts        # what a run that was cut off may have left
    if [ -e "$POLICY" ] || [ -L "$POLICY" ]; then
        mv "$POLICY" "$POLICY.before-shop"
    fi
    printf '#!/bin/sh\n# Placed while packages are installed, removed right after: no server may start meanwhile.\nexit 101\n' >"$POLICY"
    chmod 755 "$POLICY"
}

allow_server_starts() {
    if grep -q 'Placed while packages are installed' "$POLICY" 2>/dev/null; then
        rm -f "$POLICY"
    fi
    if [ -e "$POLICY.before-shop" ] || [ -L "$POLICY.before-shop" ]; then
        mv "$POLICY.before-shop" "$POLICY"
    fi
}

# disable_new_servers WAS_THERE: a machine that boots again should not find new servers on the default ports
disable_new_servers() {
    local unit
    for unit in postgresql rabbitmq-server redis-server prometheus prometheus-alertmanager prometheus-postgres-exporter; do
        [[ " $1 " == *" $unit "* ]] && continue
        if has systemctl; then systemctl disable "$unit" >/dev/null 2>&1 || true
        elif has update-rc.d; then update-rc.d "$unit" disable >/dev/null 2>&1 || true; fi
    done
}

install_as_root() {
    local before
    set -euo pipefail
    before=$(dpkg-query -W -f '${Package} ' postgresql rabbitmq-server redis-server prometheus prometheus-alertmanager prometheus-postgres-exporter 2>/dev/null || true)
    trap allow_server_starts EXIT
    trap 'exit 130' INT TERM HUP
    forbid_server_starts
    export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
    apt-get -o DPkg::Lock::Timeout=300 -qq update
    local package rest=() npm=no
    for package; do
        if [ "$package" = npm ]; then npm=yes; else rest+=("$package"); fi
    done
    [ ${#rest[@]} = 0 ] || apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends "${rest[@]}"
    # Node.js from elsewhere brings its own npm, and conflicts with Debian's.
    [ "$npm" = no ] || has npm || apt-get -o DPkg::Lock::Timeout=300 -qq install -y --no-install-recommends npm
    disable_new_servers "$before"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    has() { command -v "$1" >/dev/null 2>&1; }
    case ${1:-} in
        install) shift; install_as_root "$@" ;;
        restore) allow_server_starts ;;
        *) exit 2 ;;
    esac
fi
