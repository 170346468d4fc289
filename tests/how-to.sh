#!/usr/bin/env bash
# Does what pages of docs/how-to say, as written, in a clone of this tree: tests/how-to.sh [PAGE...], without any all that can be, in this order.
# What is done with a fenced block stands in a comment before it, which nobody sees on the rendered page:
#   <!-- file: PATH -->             it is a new file
#   <!-- after: PATH | TEXT -->     it comes after the only line that has TEXT; before and instead likewise
#   <!-- gone: PATH -->             its lines are removed
#   <!-- made: PATH -->             what a command of the page makes; a folder stands for all in it. No block follows
#   <!-- not run: WHY -->           it is for people to read
# A block of bash without a comment is run. Afterwards nothing may have changed but what the page names.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Each builds on those before it: an order becomes a gift, others hear of it, and so on.
pages="add-a-use-case migrate-a-table add-an-event add-a-consumer change-an-event publish-a-new-version retire-an-event edit-mails"

# why_not PAGE: every other page, and why nobody does what it says by a machine
why_not() {
    case $1 in
        try-payments | give-roles | import-a-catalogue | receive-webhooks | resync-a-copy | connect-a-partner | sign-people-in | restore)
            echo "needs the running system: tests/runbooks.sh does it" ;;
        run-several-replicas) echo "needs the running system: tests/cluster.sh does it" ;;
        run-one-test-and-debug) echo "begins at somebody's IDE" ;;
        encrypt-connections | replace-keys) echo "is done by others: .ci/run with TLS=true, the runbook of a key" ;;
        run-on-kubernetes) echo "needs a cluster; what can be known without one, tests/Kubernetes.Tests knows" ;;
        release) echo "has a test of its own: tests/release.sh" ;;
        upgrade | run-in-production) echo "needs an installation with a history of its own" ;;
        take-over-later-versions) echo "needs a fork and its upstream" ;;
        deal-with-dead-letters) echo "is a list of what there is to ask; the runbook of a dead letter is walked" ;;
        keep-the-order-of-a-key) echo "is about a consumer that this system does not have; LanesTests proves what it says" ;;
        remove-what-you-do-not-need) echo "is a list of what to delete" ;;
        make-it-yours | add-a-service) echo "has a test of its own" ;;
        *) return 1 ;;
    esac
}

fail() { printf 'not ok how-to %s: %s\n' "$page" "$*"; exit 1; }

# steps_of FILE FOLDER: numbers its blocks as files of the folder and prints "NUMBER WHAT" of each, where WHAT is a comment's text or "run"
steps_of() {
    awk -v folder="$2" '
        inside && /^```/ { inside = 0; close(block); if (what != "") print n, what; what = ""; next }
        inside { print > block; next }
        /^<!-- made: / { sub(/^<!-- /, ""); sub(/ -->$/, ""); print 0, $0; next }
        /^<!-- (file|after|before|instead|gone|not run): / { what = $0; sub(/^<!-- /, "", what); sub(/ -->$/, "", what); next }
        /^```/ { inside = 1; block = folder "/" ++n; printf "" > block; if (what == "" && $0 == "```bash") what = "run"; next }
        /[^ ]/ && what != "" { print n, "lost: " what; what = "" }' "$1"
}

# edit FILE HOW TEXT BLOCK: puts the block after, before or instead of the line with the text, or takes its lines out
edit() {
    awk -v how="$2" -v text="$3" -v block="$4" '
        function show(i) { for (i = 1; i <= size; i++) print lines[i] }
        BEGIN { while ((getline line < block) > 0) lines[++size] = line }
        { all[NR] = $0 }
        END {
            for (i = 1; i <= NR; i++) {
                if (how != "gone") { if (index(all[i], text)) at[++found] = i; continue }
                for (j = 1; j <= size && all[i + j - 1] == lines[j]; j++);
                if (j > size) at[++found] = i
            }
            if (found != 1) exit 1
            for (i = 1; i <= NR; i++) {
                if (how == "gone" && i >= at[1] && i < at[1] + size) continue
                if (i != at[1]) { print all[i]; continue }
                if (how != "after") show()
                if (how != "instead") print all[i]
                if (how == "after") show()
            }
        }' "$1" >"$work/edited" || return 1
    cat "$work/edited" >"$1"
}

do_step() {
    local number=$1 how=${2%%:*} path=${2#*: } text=
    path=${path%% | *} text=${2#* | }
    case $how in
        run) (cd "$copy" && bash -euo pipefail "$blocks/$number" </dev/null >"$work/log" 2>&1) || { tail -n 60 "$work/log"; fail "its block $number: $(head -n 1 "$blocks/$number")"; } ;;
        file) [ ! -e "$copy/$path" ] || fail "$path is there already"; mkdir -p "$copy/${path%/*}"; cp "$blocks/$number" "$copy/$path" ;;
        after | before | instead | gone) edit "$copy/$path" "$how" "$text" "$blocks/$number" || fail "$path has no such place, or more than one: $text" ;;
        "not run" | made) ;;
        *) fail "no block follows its comment '$2'" ;;
    esac
}

# changes_are_named FILE STEPS: what has changed in the copy is what the page names, and the page names it where people see it
changes_are_named() {
    local path
    sed -n 's/^[0-9]* \(file\|after\|before\|instead\|gone\|made\): //p' "$2" | sed 's/ | .*//' | sort -u >"$work/named"
    grep -v '^<!--' "$1" >"$work/visible"
    while IFS= read -r path; do
        grep -qF "$path" "$work/visible" || fail "$path is changed, and nobody who reads the page is told"
    done <"$work/named"
    (cd "$copy" && git add -A && git diff --cached --name-only --no-renames) | while IFS= read -r path; do
        while IFS= read -r named; do
            case $path in "$named" | "$named"/*) continue 2 ;; esac
        done <"$work/named"
        echo "$path"
    done >"$work/unnamed"
    [ ! -s "$work/unnamed" ] || fail "more has changed than it names: $(tr '\n' ' ' <"$work/unnamed")"
}

for file in docs/how-to/*.md; do
    page=$(basename "$file" .md)
    case " $pages " in *" $page "*) ! why_not "$page" >/dev/null || fail "is on both lists" ;; *) why_not "$page" >/dev/null || fail "is on no list of tests/how-to.sh" ;; esac
done
[ "${1:-}" != list ] || exit 0

work=$(mktemp -d) blocks=$work/blocks copy=$work/copy
# Its `make test`s share their servers.
export TEST_SERVERS=keep
trap '[ ! -d "$copy/.local" ] || make -C "$copy" --no-print-directory clean >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
. tests/copy.sh
copy_of_tree "$copy"
{ git diff HEAD --binary 2>/dev/null || true; } | (cd "$copy" && git apply --allow-empty --index && git -c user.name=how-to -c user.email=how-to@shop.example commit -qm "not committed yet" --allow-empty)
for page in ${*:-$pages}; do
    began=$SECONDS file=docs/how-to/$page.md
    rm -rf "$blocks"
    mkdir "$blocks"
    steps_of "$file" "$blocks" >"$work/steps"
    grep -q ' run$' "$work/steps" || fail "nothing in it is run"
    while read -r number step; do do_step "$number" "$step"; done <"$work/steps"
    changes_are_named "$file" "$work/steps"
    (cd "$copy" && git -c user.name=how-to -c user.email=how-to@shop.example commit -qm "$page")
    printf 'ok how-to %s, %s s\n' "$page" $((SECONDS - began))
done
