# Packages that are compiled ahead. Sourced by what starts many processes that live for seconds: half of that they would compile the packages that all of them load.
# shellcheck shell=bash

precompile() {
    dotnet_build tests/Precompiled -t:Build,Publish >"$STATE/logs/precompile.log" 2>&1 || note "packages are not compiled ahead, all takes longer: see $STATE/logs/precompile.log"
}

# place_precompiled PART FOLDER...: into every folder below these with PART in its path. Only what is the same assembly byte for byte is replaced; the next build notices,
# and puts its own there again.
place_precompiled() {
    local part=$1 original
    shift
    cd "$ROOT"
    for original in tests/Precompiled/bin/Debug/*/*/*.dll; do
        [ -f "${original%/*}/publish/${original##*/}" ] || continue
        find "$@" -path "*/$part/*/${original##*/}" ! -path '*/Precompiled/*' -size "$(($(wc -c <"$original")))c" \
            -exec cmp -s {} "$original" \; -exec cp "${original%/*}/publish/${original##*/}" {}.new \; -exec mv {}.new {} \;
    done
}
