#!/usr/bin/env bash
# A release is made of a tag, twice, in folders of different names: with packages, programs, bills of materials, provenance and notes, and it is the same.
# Before that: what is refused. Prints a line for each step; the first that fails ends it.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/../deploy/local/lib.sh"
. "$ROOT/tests/copy.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
one=$work/one two=$work/a/much/longer/way/to/two
export IMAGES=none NUGET_AUDIT_OFFLINE=${NUGET_AUDIT_OFFLINE:-}
as_somebody() { git -c user.name=release -c user.email=release@shop.example "$@"; }
copy_of_tree "$one"
cd "$one"

refused() {    # refused TAG WHY
    ! TAG=$1 deploy/release.sh >"$work/said" 2>&1 || die "TAG=$1 was not refused."
    grep -q "$2" "$work/said" || { cat "$work/said" >&2; die "TAG=$1 was refused, and not since: $2"; }
}
refused '' 'Which tag'
refused 1.2.3 'Which tag'
refused v9.8.7 'There is no tag v9.8.7'
as_somebody tag -a v9.8.6 -m v9.8.6
refused v9.8.6 'has nothing under'
git tag -d v9.8.6 >/dev/null
awk '/^## \[Unreleased\]/ { print "## [9.8.7] - 2026-11-30\n\n### Added\n\n- A line of the notes.\n\n## [9.8.5] - 2026-01-01\n\n- Not a line of them.\n" } { print }' CHANGELOG.md >"$work/changes"
cat "$work/changes" >CHANGELOG.md
as_somebody commit -qam 'What is new in 9.8.7'
as_somebody tag -a v9.8.7 -m v9.8.7
if [ "$NUGET_AUDIT_OFFLINE" = true ]; then NUGET_AUDIT_OFFLINE='' refused_without=1; else refused_without=; fi
if [ -n "$refused_without" ] && ! advisories_are_here; then refused v9.8.7 'has advisories'; ok "refused without advisories"; fi
[ -z "$refused_without" ] || export NUGET_AUDIT_OFFLINE=true
ok "refused: no tag, a tag of another form, one that is not there, one without notes"

mkdir -p "${two%/*}"
git clone -q "$one" "$two"
git -C "$two" remote set-url origin "$(git config remote.origin.url)"
# What lies about in a folder is no part of a release.
echo 'class Stray { }' >"$two/contracts/Events/Stray.cs"
for folder in "$one" "$two"; do
    began=$SECONDS
    (cd "$folder" && TAG=v9.8.7 deploy/release.sh) >"$work/said" 2>&1 || { tail -n 40 "$work/said" >&2; die "A release was not made."; }
    ok "made, $((SECONDS - began)) s"
done

release=$one/.local/release/v9.8.7
diff "$release/SHA256SUMS" "$two/.local/release/v9.8.7/SHA256SUMS" >&2 || die "Made twice it is not the same."
diff "$release/provenance.json" "$two/.local/release/v9.8.7/provenance.json" >&2 || die "Two provenances of one commit."
ok "made twice, $(wc -l <"$release/SHA256SUMS") files are the same"

cd "$release"
sha256sum --check --quiet SHA256SUMS
[ "$(find . -type f | wc -l)" = "$(($(wc -l <SHA256SUMS) + 2))" ] || die "There are files that no sum is of."
[ "$(cat notes.md)" = $'### Added\n\n- A line of the notes.' ] || die "The notes are: $(cat notes.md)"
for package in Shop.Contracts Contracts.Events Chassis.Core Chassis.Data Chassis.Messaging.Outbox Chassis.Messaging; do [ -f "packages/$package.9.8.7.nupkg" ] || die "There is no package $package."; done
for name in "${SERVICES[@]}"; do
    [ -f "programs/$name-9.8.7.tar.gz" ] || die "There is no program $name."
    tar -tzf "programs/$name-9.8.7.tar.gz" | grep -i "^\./$name\.dll$" >/dev/null || die "The program of $name is not in its archive."
done
python3 - "$(git -C "$one" rev-parse HEAD)" <<'PYTHON'
import glob, hashlib, json, sys
statement = json.load(open("provenance.json"))
assert statement["_type"] == "https://in-toto.io/Statement/v1" and len(statement["subject"]) > 15, statement
for subject in statement["subject"]:
    assert hashlib.sha256(open(subject["name"], "rb").read()).hexdigest() == subject["digest"]["sha256"], subject
of = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
assert of[0]["digest"]["gitCommit"] == sys.argv[1], of[0]
assert any(d["uri"] == "chassis/Messaging.Outbox/packages.lock.json" for d in of), of
for file in glob.glob("sbom/*.json"):
    assert json.load(open(file))["metadata"]["component"]["version"] == "9.8.7", file
bill = json.load(open("sbom/Orders.cdx.json"))
names = {c["name"]: c["version"] for c in bill["components"]}
assert names["MassTransit"].startswith("8."), names
assert "Npgsql" in names and "xunit.v3.mtp-off" not in names, names
PYTHON
ok "every file has its sum and stands in the provenance, every bill its version, and that of orders what it brings along"
