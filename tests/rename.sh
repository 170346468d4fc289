#!/usr/bin/env bash
# make rename, done: a copy of what is committed gets another name. The old one must be nowhere in it, and what was made must build and pass its tests.
#   rename.sh          all of it: a build of everything, and the tests that look at the whole
#   rename.sh names    the rename and the search only
# TESTS=Contracts runs only the tests whose project's path contains it.
set -euo pipefail
root=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/.." && pwd -P)
work=$(mktemp -d)
# As in a terminal of its own: whoever runs this may have settings and servers of another folder.
unset MAKEFLAGS MAKELEVEL MFLAGS ${!TEST_@} ${!COMPOSE_@}
finish() {
    [ ! -d "$work/copy/.local" ] || make -C "$work/copy" --no-print-directory clean >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
fails() { printf '%s\n' "$@" >&2; exit 1; }

. "$root/tests/copy.sh"
copy_of_tree "$work/copy"
cd "$work/copy"
# What has come along is in the way of a rename, as data is.
[ ! -d .local ] || mv .local "$work/local"
old=$(basename contracts/*.Contracts .Contracts)
for new in Acme Zephyr; do [ "$new" = "$old" ] || break; done
rename() { make --no-print-directory rename "NAME=$1"; }

# ── What it refuses ───────────────────────────────────────────────────────────────────────────────────────────────
refused() {    # refused NAME WHY
    ! rename "$1" >"$work/said" 2>&1 || fails "NAME=$1 was not refused"
    grep -q "$2" "$work/said" || fails "NAME=$1 was refused, and not since $2:" "$(cat "$work/said")"
    [ -z "$(git status --porcelain | grep -v ' of-mine$')" ] || fails "NAME=$1 was refused, and something was changed:" "$(git status --short)"
}
for name in '' acme Ac-me Acme2 'Acme;id' A; do refused "$name" 'cannot be the name'; done
refused "$old" 'is called .* already'
refused Goto 'a word of C#'
refused Payments 'would not be a name of its own'
touch of-mine
refused "$new" 'not committed'
rm of-mine
mkdir -p .local/postgres
refused "$new" 'There is data'
rm -r .local

# ── The old name is nowhere ───────────────────────────────────────────────────────────────────────────────────────
rename "$new"
hex=$(printf '%s' "$old" | tr '[:upper:]' '[:lower:]' | od -An -tx1 | tr -d ' \n')
# A list of common passwords has whatever words people choose, and these are not the name.
left=$(git grep -Iin "$old" | grep -v '"contentHash":' | grep -v '"integrity":' || true
    git ls-files | grep -i "$old" || true
    git ls-files '*.gz' ':!*/common-passwords.txt.gz' | while IFS= read -r file; do gzip -dc "$file" | grep -aoiE ".{0,40}($old|$hex).{0,40}" | sed "s|^|$file: |" || true; done)
[ -z "$left" ] || fails "$old is left in $(wc -l <<<"$left") places:" "$(head -n 40 <<<"$left" | cut -c 1-200)"
[ -z "$(git status --porcelain | grep -v '^[AMDR]  ')" ] || fails "Not everything that was done can be taken back by git:" "$(git status --short | grep -v '^[AMDR]  ')"
printf '%s is nowhere in %s files\n' "$old" "$(git ls-files | wc -l)"
tests/checks.sh | { ! grep -A 20 '^not ok'; } || fails "The settings, scripts and planted bugs of $new do not fit one another: see above."
[ "${1:-}" != names ] || exit 0

# ── And what was made is whole ────────────────────────────────────────────────────────────────────────────────────
[ ! -d "$work/local" ] || mv "$work/local" .local
make --no-print-directory test MODE=local TESTS="${TESTS:-\(Contracts\|Architecture\|Provisioning\|System\)\.Tests}"
