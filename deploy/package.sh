#!/usr/bin/env bash
# Puts together what belongs around the program, manual pages, completions and the licences of what
# it is linked with, and packs all of it for Debian.
#
# Usage: deploy/package.sh PROGRAM FOLDER      (the static program, as the Dockerfile builds it)
# Needs cargo, python3, and cargo-deb (`cargo install --locked cargo-deb`).
# SOURCE_DATE_EPOCH: the time of all files; without it, that of the last commit.
# Leaves the package in FOLDER, and what it is made of in target/package.
set -euo pipefail
cd "$(dirname "$0")/.."

program=$(realpath "$1") folder=$(realpath -m "$2") package=$PWD/target/package
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
command -v cargo-deb > /dev/null || { echo "package: cargo-deb is missing" >&2; exit 1; }

rm -rf "$package"
mkdir -p "$package/man" "$package/completions" "$folder"
install -m 755 "$program" "$package/ratesheet"
for shell in bash zsh fish; do
    case $shell in bash) name=ratesheet.bash ;; zsh) name=_ratesheet ;; fish) name=ratesheet.fish ;; esac
    "$package/ratesheet" completions "$shell" > "$package/completions/$name"
done
# What makes them is no part of the program: src/cli/manual.rs.
RATESHEET_MANUAL=$package/man cargo test --locked --quiet --bin ratesheet manual > "$package/log" \
    || { cat "$package/log"; exit 1; }
rm "$package/log"

deploy/notices.py > "$package/THIRD-PARTY"
gzip -9nk "$package/THIRD-PARTY"

version=$(sed -n '1,/^$/s/^version = "\(.*\)"/\1/p' Cargo.toml)
maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
cat > "$package/changelog" <<CHANGELOG
ratesheet ($version-1) unstable; urgency=medium

  * CHANGELOG.md tells what is new in $version.

 -- $maintainer  $(date -R -u -d "@$SOURCE_DATE_EPOCH")
CHANGELOG

cargo deb --locked --no-build --no-strip --output "$folder/" > /dev/null
