#!/usr/bin/env bash
# What make release TAG=… has made, where others find it: images in a registry, by digest, and the rest as a release of GitHub. Needs docker, gh and GH_TOKEN.
#   publish-release.sh ghcr.io/somebody/shop
# Prints what an overlay of deploy/kubernetes takes: `kustomize edit set image` for each image.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/local/lib.sh"
. "$ROOT/deploy/local/services.sh"
registry=$(printf %s "${1:-}" | tr '[:upper:]' '[:lower:]')
[ -n "$registry" ] && [ -n "${TAG:-}" ] || die "Where to, and which? TAG=v1.2.3 deploy/publish-release.sh ghcr.io/somebody/shop"
release=$STATE/release/$TAG version=${TAG#v}
(cd "$release" && sha256sum --check --quiet SHA256SUMS)
[ -z "${GH_TOKEN:-}" ] || printf %s "$GH_TOKEN" | docker login "${registry%%/*}" --username "${GH_ACTOR:-release}" --password-stdin
: >"$release/images.txt"
for name in "${SERVICES[@]}"; do
    docker load --quiet --input "$release/images/$name-$version.tar"
    docker tag "$name:$version" "$registry/$name:$version"
    docker push --quiet "$registry/$name:$version"
    printf 'shop-%s=%s\n' "$name" "$(docker inspect --format '{{index .RepoDigests 0}}' "$registry/$name:$version")" >>"$release/images.txt"
done
for package in "$release"/packages/*.nupkg; do
    dotnet nuget push "$package" --source "https://nuget.pkg.github.com/$(cut -d/ -f2 <<<"$registry")/index.json" --api-key "$GH_TOKEN" --skip-duplicate
done
gh release create "$TAG" --verify-tag --title "$TAG" --notes-file "$release/notes.md" \
    "$release"/packages/*.nupkg "$release"/programs/*.tar.gz "$release"/sbom/*.json "$release/SHA256SUMS" "$release/provenance.json" "$release/images.txt"
ok "published; for an overlay:"
sed 's/^/  kustomize edit set image /' "$release/images.txt"
