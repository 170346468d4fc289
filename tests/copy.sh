# A copy of this tree that git looks after, for tests that change it. Sourced.
# shellcheck shell=bash

# copy_of_tree FOLDER: as it is committed; where the tree is no clone, as it is. What was made of packages alone comes along: it is the same anywhere, and is made
# anew where what it was made from has changed.
copy_of_tree() {
    local root made
    root=$(CDPATH='' cd -- "${BASH_SOURCE[0]%/*}/.." && pwd -P)
    command -v git >/dev/null || (. "$root/deploy/local/lib.sh" && . "$root/deploy/local/packages.sh" && install_these git) || return
    if git -C "$root" rev-parse HEAD >/dev/null 2>&1; then
        git clone --quiet "$root" "$1"
    else
        mkdir -p "$1"
        (cd "$root" && tar -c --exclude .local --exclude bin --exclude obj --exclude node_modules .) | tar -x -C "$1"
        git -C "$1" init --quiet && git -C "$1" add --all && git -C "$1" -c user.name=copy -c user.email=copy@shop.example commit --quiet --message 'As it is'
    fi
    for made in .local/maildev tests/Precompiled/bin tests/Precompiled/obj; do
        [ ! -d "$root/$made" ] || { mkdir -p "$1/${made%/*}" && cp -a "$root/$made" "$1/$made"; }
    done
}
