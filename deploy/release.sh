#!/usr/bin/env bash
# Makes everything that a release page carries, for the machine's own architecture, from the commit
# that is checked out:
#
#   ratesheet-VERSION-ARCH-linux.tar.gz   the static program, manual pages, completions, the unit
#   ratesheet_VERSION-1_ARCH.deb          the same for Debian
#   ratesheet-VERSION-ARCH-linux.oci.tar  the image, in OCI's layout: skopeo, podman, containerd
#   ratesheet-VERSION.cdx.json            what it is made of, in the format of CycloneDX
#   ratesheet-VERSION.third-party.txt     the licences of that, which the two packages have in them
#   SHA256SUMS
#
# Usage: deploy/release.sh VERSION [FOLDER]      (target/release-VERSION, if none is named)
# Needs docker, skopeo, cargo with cargo-deb and cargo-cyclonedx, python3.
# DOCKER_BUILD_FLAGS: more flags for docker build, such as --network host.
# DRAFT=1: to try it, or to have the files for oneself. CHANGELOG.md may still call the version
#     unreleased, and the database of advisories need not be within reach.
#
# The program is the image's own: built in the image that the Dockerfile names, so that anybody can
# build it again (deploy/reproducible.sh). In the archive and in Debian's package, the times of all
# files are the commit's; in the image they are those of its making. For another architecture, run
# it on a machine of that.
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() { printf 'release: %s\n' "$*" >&2; exit 1; }
version=${1:-}
[ -n "$version" ] || refuse "which version? deploy/release.sh VERSION"
folder=$(realpath -m "${2:-target/release-$version}")
stated=$(sed -n '1,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
[ "$version" = "$stated" ] || refuse "Cargo.toml says $stated, not $version"
[ -n "${DRAFT:-}" ] || grep -qF "## [$version]" CHANGELOG.md \
    || refuse "CHANGELOG.md has no heading [$version]; DRAFT=1 makes a draft"
if [ -e "$folder" ] && [ -n "$(ls -A "$folder")" ]; then refuse "$folder is there, and not empty"; fi
[ -z "$(git status --porcelain)" ] || refuse "there are changes that are not committed"
for tool in docker skopeo cargo-deb cargo-cyclonedx python3; do
    command -v "$tool" > /dev/null || refuse "$tool is missing"
done
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
arch=$(uname -m)
name=ratesheet-$version-$arch-linux
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
if [ -n "${DRAFT:-}" ]; then required=; else required=required; fi
ADVISORIES=$required deploy/supply-chain.sh > "$temp/log" 2>&1 \
    || { tail -n 30 "$temp/log"; refuse "deploy/supply-chain.sh fails"; }
tail -n 1 "$temp/log"
mkdir -p "$folder"

# ---- the image, and the program in it

docker buildx version > /dev/null 2>&1 || export DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0}
# shellcheck disable=SC2086 # flags are several words
docker build ${DOCKER_BUILD_FLAGS:-} --build-arg VERSION="$version" \
    --build-arg REVISION="$(git rev-parse HEAD)" -t "ratesheet:$version" . > "$temp/log" \
    || { tail -n 30 "$temp/log"; refuse "the image cannot be built"; }
docker save "ratesheet:$version" > "$temp/image.tar"
skopeo copy -q "docker-archive:$temp/image.tar" "oci-archive:$folder/$name.oci.tar:ratesheet:$version"
container=$(docker create "ratesheet:$version")
docker cp -q "$container:/ratesheet" "$temp/ratesheet" 2> /dev/null \
    || docker cp "$container:/ratesheet" "$temp/ratesheet"
docker rm "$container" > /dev/null
"$temp/ratesheet" version | grep -qF "revision: $(git rev-parse HEAD)" \
    || refuse "the program does not tell the commit that it is of"

# ---- the packages

deploy/package.sh "$temp/ratesheet" "$folder"
mkdir "$temp/$name"
cp -r target/package/{ratesheet,man,completions,THIRD-PARTY} README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE \
    config/example.json config/ratesheet.schema.json deploy/systemd/ratesheet.service "$temp/$name/"
tar -C "$temp" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
    --mode=u=rwX,go=rX -c "$name" | gzip -9n > "$folder/$name.tar.gz"

# ---- what it is made of

# It is written beside Cargo.toml, and names the place where that is.
cargo cyclonedx --format json --spec-version 1.5 --no-build-deps --override-filename "$name" -q
mv "$name.json" "$temp/sbom.json"
python3 - "$temp/sbom.json" "$PWD" > "$folder/ratesheet-$version.cdx.json" <<'PY'
import json, sys
text = open(sys.argv[1]).read().replace(f"path+file://{sys.argv[2]}#", "pkg:cargo/")
text = text.replace("?download_url=file://.", "")
json.dump(json.loads(text), sys.stdout, indent=1)
print()
PY

cp target/package/THIRD-PARTY "$folder/ratesheet-$version.third-party.txt"

(cd "$folder" && sha256sum -- * > SHA256SUMS)
cd "$folder"
ls -l
