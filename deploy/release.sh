#!/usr/bin/env bash
# make release TAG=v1.2.3: everything that a release is, of what the tag names and of nothing else, into .local/release/v1.2.3. ADR 45, docs/how-to/release.md.
#   IMAGES      auto: with a registry or an engine, and said where there is neither; required: fails then; none
#   BASELINE    folder with the packages that the new ones must not break; without it those of the tag before, where they lie beside
# Made twice it is the same, byte for byte: the sources are cloned anew, and every time in it is that of the commit. Images excepted: their base is others'.
set -euo pipefail
. "${BASH_SOURCE[0]%/*}/local/lib.sh"
. "$ROOT/deploy/local/services.sh"
tag=${TAG:-} images=${IMAGES:-auto}
packages="contracts/Events contracts/Shop.Contracts chassis/Core chassis/Data chassis/Messaging.Outbox chassis/Messaging"
case $images in auto | required | none) ;; *) die "IMAGES is '$images'; it can be auto, required or none." ;; esac
[[ $tag =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || die "Which tag? make release TAG=v1.2.3"
cd "$ROOT"
commit=$(git rev-parse --quiet --verify "refs/tags/$tag^{commit}") || die "There is no tag $tag here." "git tag -a $tag -m '$tag'"
[ "$(uname -s)" = Linux ] || die "A release is made on Linux, where tar, date and touch can make it the same each time." "The dev container is one; the workflow of releases runs there."
need_dotnet
out=$STATE/release/$tag source=$STATE/release/source version=${tag#v} log=$STATE/logs/release.log
mkdir -p "$STATE/logs"
rm -rf "$out" "$source"
mkdir -p "$out"
# What is built must not hear of the machine: neither its locale nor its time, nor whoever else builds here.
export CI=true SOURCE_DATE_EPOCH NUGET_AUDIT_OFFLINE=${NUGET_AUDIT_OFFLINE:-} MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit")
made_at=$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ "$commit")
quietly() { "$@" >"$log" 2>&1 || { tail -n 30 "$log" >&2; die "'$*' failed; all of it is in $log."; }; }

# in_a_clone: exactly what the tag names. Files have the time of the commit, since web servers tell browsers about it.
in_a_clone() {
    git -c advice.detachedHead=false clone --quiet --branch "$tag" "$ROOT" "$source"
    git -C "$source" remote set-url origin "$(git config remote.origin.url || echo "$ROOT")"
    (cd "$source" && git ls-files -z | xargs -0 touch -h -d "@$SOURCE_DATE_EPOCH")
}

# notes: what CHANGELOG.md says of the version
notes() {
    awk -v head="## [$version]" 'index($0, head) == 1 { on = 1; next } /^## \[/ || /^\[[^]]*\]: / { on = 0 } on' "$source/CHANGELOG.md" | awk 'NF || seen { seen = 1; print }' >"$out/notes.md"
    grep -q '[^[:space:]]' "$out/notes.md" || die "CHANGELOG.md of $tag has nothing under '## [$version]'." "What is new belongs there, before the tag."
}

version_is_the_tags() {
    local found
    (cd "$source" && quietly dotnet tool restore)
    found=$(cd "$source" && dotnet minver --tag-prefix v --verbosity error)
    [ "$found" = "$version" ] || die "MinVer takes this commit for version $found, and not for $version."
}

no_known_vulnerabilities() {
    if [ "$NUGET_AUDIT_OFFLINE" = true ]; then
        audit="not checked: NUGET_AUDIT_OFFLINE=true"
        warn "packages are not checked for vulnerabilities, as NUGET_AUDIT_OFFLINE=true says"
        return
    fi
    advisories_are_here || die "No package source of this machine has advisories: nobody knows whether a package is vulnerable." "NUGET_AUDIT_OFFLINE=true makes the release all the same, and its provenance says so."
    (cd "$source" && quietly dotnet restore Microservices.sln --verbosity quiet)
    audit="no package with a known vulnerability"
}

programs() {
    local name project
    (cd "$source" && quietly dotnet publish deploy/local/System.proj --configuration Release --nologo --verbosity quiet \
        -p:Version="$version" -p:IsRelease=true -p:UseAppHost=false -p:AppendRuntimeIdentifierToOutputPath=false)
    # What is compressed for browsers in the build is of the commit's time as well.
    find "$source" -path '*/publish/*.staticwebassets.endpoints.json' -exec sed -i -E \
        "s/\"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\"/\"$(date -u -d "@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %T GMT')\"/g" {} +
    mkdir "$out/programs"
    for name in "${PROCESSES[@]}"; do
        project=$(project_of "$name")
        tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=gnu \
            -C "$source/$(dirname "$project")/bin/Release/net10.0/publish" -c . | gzip -n -9 >"$out/programs/$name-$version.tar.gz"
    done
}

pack() {
    local project
    for project in $packages; do
        (cd "$source" && quietly dotnet pack "$project" --configuration Release --output "$out/packages" --nologo --verbosity quiet -p:Version="$version")
    done
}

# A package may break what is built on it only with a new major version.
breaks_nobody() {
    local before=${BASELINE:-} last package id old
    last=$(git describe --tags --abbrev=0 --match 'v[0-9]*' "$commit^" 2>/dev/null || true)
    [ -n "$before" ] || before=$STATE/release/$last/packages
    if [ -z "$last" ] && [ -z "${BASELINE:-}" ]; then note "the first release: there is nothing that it could break"; return; fi
    compgen -G "$before/*.nupkg" >/dev/null || { warn "the packages of $last are not in $before: nobody has looked whether these break them"; return; }
    if [ "${version%%.*}" != "$(basename "$(echo "$before"/Contracts.Events.*.nupkg)" .nupkg | sed 's/^Contracts\.Events\.\([0-9]*\).*/\1/')" ]; then note "a new major version may break"; return; fi
    for package in "$out"/packages/*.nupkg; do
        id=$(basename "$package" ".$version.nupkg")
        for old in "$before/$id".[0-9]*.nupkg; do
            [ ! -f "$old" ] || (cd "$source" && quietly dotnet apicompat package "$package" --baseline-package "$old")
        done
    done
    ok "compared with $before"
}

# What is in each of them, by the lock files of the clone.
bills_of_materials() {
    local project name
    mkdir "$out/sbom"
    for project in $packages $(for name in "${PROCESSES[@]}"; do project_of "$name"; done); do
        case $project in *.csproj) ;; *) project=$project/$(basename "$project").csproj ;; esac
        name=$(basename "$project" .csproj)
        (cd "$source" && quietly dotnet dotnet-CycloneDX "$project" --output "$out/sbom" --filename "$name.cdx.json" --output-format Json --no-serial-number \
            --disable-package-restore --set-name "$name" --set-version "$version")
        sed -i.bak "s/\"timestamp\": \"[^\"]*\"/\"timestamp\": \"$made_at\"/" "$out/sbom/$name.cdx.json"
        rm "$out/sbom/$name.cdx.json.bak"
    done
}

# containers: said in `pictured`. The SDK makes them without an engine, where it can read the base image; an engine makes them of the Dockerfiles.
containers() {
    local name project
    pictured="left out: no registry of base images and no engine answers"
    [ "$images" != none ] || { pictured="left out: IMAGES=none"; return 0; }
    mkdir "$out/images"
    if curl -fsSL --max-time 10 --output /dev/null https://mcr.microsoft.com/v2/ 2>/dev/null; then
        for name in "${SERVICES[@]}"; do
            project=$(project_of "$name")
            (cd "$source" && quietly dotnet publish "$project" --configuration Release --nologo --verbosity quiet -t:PublishContainer -p:Version="$version" \
                -p:ContainerRepository="$name" -p:ContainerImageTag="$version" -p:ContainerFamily="${CONTAINER_FAMILY:-}" -p:ContainerArchiveOutputPath="$out/images/$name-$version.tar")
        done
        pictured="made by the SDK${CONTAINER_FAMILY:+, $CONTAINER_FAMILY}"
    elif engine_answers; then
        for name in "${SERVICES[@]}"; do
            (cd "$source" && quietly docker build --file "$(dirname "$(project_of "$name")")/Dockerfile" --tag "$name:$version" . && docker save --output "$out/images/$name-$version.tar" "$name:$version")
        done
        pictured="made by the engine, of the Dockerfiles"
    else
        rmdir "$out/images"
        [ "$images" != required ] || die "There are no images: no registry of base images and no engine answers." "IMAGES=auto makes the release without."
        warn "no images: no registry of base images and no engine answers"
    fi
}

# provenance: an in-toto statement with a SLSA predicate: what was made, of which commit, by what. The workflow signs it.
provenance() {
    local line first=''
    printf '{\n  "_type": "https://in-toto.io/Statement/v1",\n  "subject": ['
    while IFS= read -r line; do
        printf '%s\n    { "name": "%s", "digest": { "sha256": "%s" } }' "$first" "${line:66}" "${line:0:64}"
        first=,
    done <"$out/SHA256SUMS"
    cat <<TEXT

  ],
  "predicateType": "https://slsa.dev/provenance/v1",
  "predicate": {
    "buildDefinition": {
      "buildType": "deploy/release.sh",
      "externalParameters": { "tag": "$tag", "images": "$pictured" },
      "internalParameters": { "sdk": "$(dotnet --version)", "vulnerabilities": "$audit" },
      "resolvedDependencies": [
        { "uri": "git+$(git config remote.origin.url || echo local)@refs/tags/$tag", "digest": { "gitCommit": "$commit" } }$(
            cd "$source" && git ls-files '*packages.lock.json' | while IFS= read -r line; do printf ',\n        { "uri": "%s", "digest": { "sha256": "%s" } }' "$line" "$(sha256sum <"$line" | cut -c 1-64)"; done)
      ]
    },
    "runDetails": { "builder": { "id": "${RELEASE_BUILDER:-local}" }, "metadata": { "finishedOn": "$made_at" } }
  }
}
TEXT
}

step "$tag, $commit"
in_a_clone
notes
version_is_the_tags
step "Packages without a known vulnerability"
no_known_vulnerabilities
step "Programs"
programs
step "Packages"
pack
breaks_nobody
step "Bills of materials"
bills_of_materials
step "Images"
containers
(cd "$out" && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | sort | xargs sha256sum) >"$STATE/release/sums" && mv "$STATE/release/sums" "$out/SHA256SUMS"
provenance >"$out/provenance.json"
rm -rf "$source"
ok "$out: $(wc -l <"$out/SHA256SUMS" | tr -d ' ') files, SHA256SUMS and provenance.json. Images: $pictured"
