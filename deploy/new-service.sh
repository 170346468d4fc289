#!/usr/bin/env bash
# make service NAME=loyalty: a new service from templates/service, and everything that follows from it: docs/how-to/add-a-service.md.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/local/lib.sh"
. "$ROOT/deploy/local/services.sh"
name=${1:-}
[ -n "$name" ] || die "Which name? make service NAME=loyalty"
need_dotnet
mkdir -p "$STATE/logs"
cd "$ROOT"
# quietly COMMAND...: its output only where it fails
quietly() { "$@" >"$STATE/logs/new-service.log" 2>&1 || { tail -n 20 "$STATE/logs/new-service.log" >&2; die "'$*' failed."; }; }

step "Writing the service $name"
quietly dotnet build tools/Services.Generator --verbosity quiet
dotnet tools/Services.Generator/bin/Debug/net10.0/Services.Generator.dll new "$name" || exit 1
for project in "$(project_of "$name")" "services/$name/tests/$(basename "$(project_of "$name")" .csproj).Tests.csproj"; do
    quietly dotnet sln Microservices.sln add --solution-folder "services/$name" "$project"
done
step "Writing what follows from it"
# The events of today are compiled into both programs.
quietly dotnet build tools/Services.Generator --verbosity quiet
dotnet tools/Services.Generator/bin/Debug/net10.0/Services.Generator.dll
dotnet run --project contracts/Contracts.Generator
quietly dotnet restore Microservices.sln --force-evaluate
load_settings
cat <<TEXT

The service ${bold}$name${plain} is there, with a use case, a consumer, an event, an erasure and tests of its own. What was made and why: docs/how-to/add-a-service.md
Next: make test TESTS=$name, then make up
TEXT
