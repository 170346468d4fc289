# Packages that are compiled ahead. Sourced by what starts many processes that live for seconds: half of that they would compile the packages that all of them load.
# shellcheck shell=bash

precompile() {
    local stamp=$ROOT/tests/Precompiled/obj/compiled-from sum
    sum=$(cd "$ROOT" && cat tests/Precompiled/*.csproj Directory.*.props global.json <(dotnet --version) <(uname -m) | cksum)
    [ "$(cat "$stamp" 2>/dev/null)" != "$sum" ] || return 0
    dotnet_build tests/Precompiled -t:Build,Publish >"$STATE/logs/precompile.log" 2>&1 || {
        note "packages are not compiled ahead, all takes longer: see $STATE/logs/precompile.log"
        return 0
    }
    printf '%s' "$sum" >"$stamp"
}

# place_precompiled PART FOLDER...: into every folder below these with PART in its path. Only what is the same assembly byte for byte is replaced; the next build notices,
# and puts its own there again.
place_precompiled() {
    local part=$1 original
    shift
    cd "$ROOT" || exit
    for original in tests/Precompiled/bin/Debug/*/*/*.dll; do
        [ -f "${original%/*}/publish/${original##*/}" ] || continue
        find "$@" -path "*/$part/*/${original##*/}" ! -path '*/Precompiled/*' -size "$(($(wc -c <"$original")))c" \
            -exec cmp -s {} "$original" \; -exec cp "${original%/*}/publish/${original##*/}" {}.new \; -exec mv {}.new {} \;
    done
}
