#!/usr/bin/env bash
# A new service, as docs/how-to/add-a-service.md has it, in a clone of this tree: made, built, tested, started beside the others, hit by chaos, taken away.
# Nothing is edited by hand between. Prints a line for each step; the first that fails ends it.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../deploy/local/lib.sh"
. "$ROOT/tests/copy.sh"
name=pawprint Name=Pawprint
copy=$(mktemp -d)
trap 'cd /; MODE=local make --no-print-directory -C "$copy" clean >/dev/null 2>&1 || true; "$copy/deploy/local/servers.sh" test stop >/dev/null 2>&1 || true; rm -rf "$copy"' EXIT
copy_of_tree "$copy"
cd "$copy"
export MODE=local
# Others may run beside this one.
base=$((21000 + $(printf '%s' "$copy" | cksum | cut -d' ' -f1) % 300 * 20))
offset=0
for setting in $(sed -n 's/^\([A-Z_]*_PORT\)=.*/\1/p' .env.example); do
    printf '%s=%s\n' "$setting" $((base + offset)) >>.env
    offset=$((offset + 1))
done
printf 'PAWPRINT_PORT=%s\n' $((base + offset)) >>.env

did() { "$@" >"$copy/.local/said" 2>&1 || { tail -n 40 "$copy/.local/said" >&2; die "'$*' failed."; }; }
mkdir -p .local
did make --no-print-directory service NAME=$name
ok "made"

# What a person has to look at afterwards: new files, and files that are written by a program.
foreign=$(git status --porcelain --untracked-files=all | cut -c 4- | grep -vE "^(services/$name/|deploy/env/$name\.|contracts/(Shop.Contracts/$Name/|Contracts.Generator/Examples/${Name}Examples.cs|schemas/.*shop\.$name\.|asyncapi\.)|tests/System.Tests/Snapshots/shop\.$name\.|Microservices.sln|docker-compose(.cluster)?.yml|\.env\.example|\.devcontainer/|deploy/rabbitmq/definitions.json|deploy/env/(console|gateway).env|deploy/kubernetes/(base/($name|console|kustomization)\.yaml|secrets.txt|components/.*|overlays/.*/kustomization.yaml)|services/console/Console/appsettings.Development.json|docs/operate/(metrics|log-events).md|.*packages\.lock\.json$)" || true)
[ -z "$foreign" ] || die "Other files have changed: $foreign"
ok "no file changed but its own and those that are generated"

did make --no-print-directory test TESTS=$name
ok "make test TESTS=$name: $(tail -n 1 .local/said)"
grep -qE '^[1-9][0-9]* passed, 0 failed, 0 skipped$' .local/said || die "It should have passed whole."

did make --no-print-directory up
grep -q "$name .*http" .local/said || die "make up does not say where $name is."
port=$(sed -n 's/^PAWPRINT_PORT=//p' .env)
curl -fsS "http://127.0.0.1:$port/health/ready" >/dev/null
listening=$(ss -Hltn "sport = :$port" 2>/dev/null | awk '{ print $4 }' | sort -u || true)
[ -z "$listening" ] || [ "$listening" = "127.0.0.1:$port" ] || die "$name listens on $listening."
ok "make up: ready beside the others, on loopback only"
did make --no-print-directory kill SERVICE=$name
did make --no-print-directory start SERVICE=$name
ok "killed and started again"
did make --no-print-directory down

# The tests that go over every service, and the faults that hit every one.
did make --no-print-directory test TESTS=Architecture
ok "architecture tests: $(tail -n 1 .local/said)"
did env FAULT_KINDS=kill-$name FAULTS=2 ORDERS=60 make --no-print-directory chaos
ok "make chaos kills it twice, and every invariant holds: $(grep -a PASSED .local/said | tail -n 1)"

sed -n '/^## Take it away/,$ { /^```bash$/,/^```$/ { /^```/d; p; } }' docs/how-to/add-a-service.md | sed "s/loyalty/$name/g; s/Loyalty/$Name/g" >.local/away
did bash -e .local/away
left=$(git status --porcelain --untracked-files=all | grep -v 'packages.lock.json' || true)
[ -z "$left" ] || die "Taken away again, it leaves: $left"
ok "taken away again, and nothing is left of it"
