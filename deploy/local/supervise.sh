#!/usr/bin/env bash
# supervise.sh NAME COMMAND...: runs a service of the local mode and starts it again whenever it ends without having been asked to, as a container engine does:
# after a second, after two, up to a minute while it does not live for ten. Ends at SIGTERM, and leaves the service to whoever sent that (`stop` in lib.sh).
# The service has the environment of this script, so that no secret stands in anybody's arguments.
set -uo pipefail
. "${BASH_SOURCE[0]%/*}/lib.sh"
name=$1 pause=1
shift
exec >>"$STATE/logs/$name.log" 2>&1
export -n SHOP_ENVIRONMENT SHOP_STATE
trap 'exit 0' TERM
while :; do
    began=$SECONDS
    printf '\n── %s ── start\n' "$(date -u +%FT%TZ)"
    "$@" &
    child=$!
    printf '%s %s\n' "$child" "$(started_at "$child")" >"$STATE/run/$name.pid"
    wait "$child"
    status=$?
    [ $((SECONDS - began)) -lt 10 ] || pause=1
    printf '\n── %s ── ended by itself (exit code %s); again in %s s\n' "$(date -u +%FT%TZ)" "$status" "$pause"
    sleep "$pause" &
    wait $!
    pause=$((pause * 2 < 60 ? pause * 2 : 60))
done
