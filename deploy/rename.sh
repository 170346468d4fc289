#!/usr/bin/env bash
# make rename NAME=Acme: the whole system under another name, before its first message. docs/how-to/make-it-yours.md says what that is and what it is not.
# Every tracked file is read: what it replaces follows from the name alone, in its three spellings, and not from a list of files.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/local/lib.sh"

lower() { printf '%s' "$1" | tr '[:upper:]' '[:lower:]'; }
upper() { printf '%s' "$1" | tr '[:lower:]' '[:upper:]'; }
hex() { printf '%s' "$1" | od -An -tx1 | tr -d ' \n'; }

# The name stands once, as the one project of contracts/ that is called NAME.Contracts, and in lower case on its assembly.
find_name() {
    local projects
    projects=(contracts/*.Contracts/*.Contracts.csproj)
    [ ${#projects[@]} = 1 ] && [ -f "${projects[0]}" ] || die "contracts/ does not have one project that is called NAME.Contracts: there is no name to replace."
    old=$(basename "${projects[0]}" .Contracts.csproj)
    grep -qE "Namespace( = |\()\"$(lower "$old")\"" "${projects[0]%/*}"/*.cs ||
        die "The project is called $old.Contracts, and no event of ${projects[0]%/*} has a name that begins with $(lower "$old")."
}

# What the language or the wire would take for something else.
keywords=' abstract as base bool break byte case catch char checked class const continue decimal default delegate do double else enum event explicit extern false finally
 fixed float for foreach goto if implicit in int interface internal is lock long namespace new null object operator out override params private protected public
 readonly ref return sbyte sealed short sizeof stackalloc static string struct switch this throw true try typeof uint ulong unchecked unsafe ushort using virtual
 void volatile while '

check_name() {
    local taken
    [[ $new =~ ^[A-Z][A-Za-z]+$ ]] ||
        die "'$new' cannot be the name: make rename NAME=Acme, a capital and then letters from A to Z only, which makes an identifier of C# and, in lower case, a word of the wire."
    [ "$(lower "$new")" != "$(lower "$old")" ] || die "The system is called $old already."
    [ ${#new} -le 20 ] || die "'$new' is longer than 20 letters: names that it becomes a part of would be too long for the broker and for people."
    case ${keywords//$'\n'/} in *" $(lower "$new") "*) die "'$(lower "$new")' is a word of C#." ;; esac
    # Two things of one name could not be told apart again, by the compiler or by the next rename. Checksums may hold any letters.
    taken=$(git grep -Iin "$(lower "$new")" -- . ':!*lock.json' ':!tests/rename.sh' | grep -vi "name=$(lower "$new")" | head -n 3 || true)
    taken=$taken$(git ls-files | grep -i "$(lower "$new")" | head -n 3 || true)
    [ -z "$taken" ] || die "'$new' would not be a name of its own, the sources have these letters already:" "$(cut -c 1-140 <<<"$taken" | tr '\n' '|' | sed 's/|/ | /g')" "Choose another."
}

check_clone() {
    [ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$ROOT" ] || die "This folder is no clone: only git can undo a rename." "git init && git add --all && git commit, or clone the project."
    [ -z "$(git status --porcelain)" ] || die "There are changes that are not committed: only git can undo a rename." "See them with git status, and commit them first."
    [ -z "$(find "$STATE" -mindepth 1 -maxdepth 1 ! -name reports 2>/dev/null)" ] ||
        die "There is data under the name $old, or something runs: queues, messages and volumes would stay behind." "make clean drops it."
    has dotnet || die "The .NET SDK is needed: schemas and pages are generated anew." "https://dotnet.microsoft.com/download"
}

# The three spellings of both names, and what makes the one of the other. As the word of English that it is, the name has no article any more.
# Checksums of packages may hold any letters.
spell() {
    local word ends='[] ,;:)'\''"<]'
    old_lower=$(lower "$old") old_upper=$(upper "$old") new_lower=$(lower "$new") new_upper=$(upper "$new")
    word="[Tt]he [${old:0:1}${old_lower:0:1}]${old:1}"
    edits=(-e '/"contentHash":/b' -e '/"integrity":/b'
        -e "s/$word\\($ends\\)/$new\\1/g" -e "s/$word\\([.!?]$ends\\)/$new\\1/g" -e "s/$word\\([.!?]*\\)\$/$new\\1/" -e "s/the_${old_lower}_/${new}_/g"
        -e "s/$old/$new/g" -e "s/$old_lower/$new_lower/g" -e "s/$old_upper/$new_upper/g")
}

rewrite_texts() {
    local file text
    text=$(mktemp)
    while IFS= read -r -d '' file; do
        case $file in
            *.gz)
                # Dumps of databases, in which the bodies of messages are written in hexadecimal digits.
                [ "$(gzip -dc "$file" | grep -aci -e "$old" -e "$(hex "$old_lower")")" != 0 ] || continue
                gzip -dc "$file" | sed "${edits[@]}" -e "s/$(hex "$old_lower")/$(hex "$new_lower")/g" -e "s/$(hex "$old")/$(hex "$new")/g" | gzip -9n >"$text" ;;
            *) sed "${edits[@]}" "$file" >"$text" ;;
        esac
        cat "$text" >"$file"      # and not moved, so that what is executable stays so
    done < <(git grep -Ilzi "$old"; git ls-files -z '*.sql.gz' '*.jsonl.gz')
    rm -f "$text"
}

# Folders take with them what was built in them, under names that nothing asks for any more.
rename_files() {
    local file target folder
    while IFS= read -r -d '' file; do
        case $file in *"$old"* | *"$old_lower"* | *"$old_upper"*) ;; *) continue ;; esac
        target=$(sed "${edits[@]}" <<<"$file")
        mkdir -p "$(dirname "$target")"
        git mv "$file" "$target"
    done < <(git ls-files -z)
    while IFS= read -r -d '' file; do
        folder=$(dirname "$file")
        rm -rf "${folder:?}/bin" "${folder:?}/obj"
    done < <(git ls-files -z '*.csproj')
    find . -type d -iname "*$old*" -not -path './.git/*' -not -path '*/node_modules/*' -prune -exec rm -rf '{}' +
}

# Nothing was published under this name: what the records say today is the first version of every event.
begin_history() {
    local said project
    rm -rf contracts/schemas/published contracts/schemas/samples
    printf '{}\n' >contracts/schemas/retired.json
    # The second, since what is sorted by name stands elsewhere under another one.
    for project in contracts/Contracts.Generator tools/Services.Generator; do
        said=$(dotnet_build "$project" 2>&1) ||
            die "What was renamed does not build:" "$(grep ' error ' <<<"$said" | sort -u | head -n 5)" "Back to $old: git reset --hard && git clean -fd"
        dotnet run --project "$project" --no-build >/dev/null
    done
}

main() {
    new=${1:-}
    cd "$ROOT"
    find_name
    check_clone
    check_name
    spell
    step "$old becomes $new"
    rewrite_texts
    rename_files
    git add --all
    ok "$(git diff --cached --name-only | wc -l | tr -d ' ') files: namespaces, projects, wire names, settings, texts"
    begin_history
    git add --all
    ok "contracts/schemas begins anew, and so does what is generated from it"
    [ ! -f .env ] || warn ".env is yours and was left as it is: settings in it that begin with ${old_upper}_ begin with ${new_upper}_ now."
    too_long
    say "Nothing is committed yet. Next: make test, then git commit. Back to $old: git reset --hard"
    exit
}

# A longer name may make a line longer than Architecture.Tests allows. Texts in quotes may be as long as they are.
too_long() {
    local now before
    now=$(git diff --cached --unified=0 -- '*.cs' | grep -c '^+[^"]\{161,\}$' || true) before=$(git diff --cached --unified=0 -- '*.cs' | grep -c '^-[^"]\{161,\}$' || true)
    [ "$now" -le "$before" ] || warn "$((now - before)) lines of code have more than 160 columns now: make test TESTS=Architecture names them, and they want a break."
}

# In one piece, since this file is among those that are rewritten.
main "$@"
