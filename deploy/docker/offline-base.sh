#!/usr/bin/env bash
# Makes a stand-in for the image that the Dockerfile builds on, where no image registry can be
# reached: Debian, a C compiler, and the Rust toolchain of this machine. It is called ratesheet-base,
# with the same tag; the last line printed says how the very same Dockerfile is built on it.
#
# Usage, as root: deploy/docker/offline-base.sh
# Needs: docker, debootstrap and a Debian mirror, a Rust toolchain of the image's version.
# MIRROR: the Debian mirror, if it is not debootstrap's own.
#
# Never push what it makes: it is no official image, and if this machine trusts certificate
# authorities of its own, so does the stand-in. Nothing of that reaches an image built on it: those
# that the program trusts are compiled in.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile)
# rust:1.95-slim-bookworm: the version, and the Debian release.
[[ $image =~ ^rust:([0-9.]+)-slim-([a-z]+)$ ]] || {
    echo "offline-base: only images such as rust:1.95-slim-bookworm can be stood in for, not $image" >&2
    exit 1
}
version=${BASH_REMATCH[1]} release=${BASH_REMATCH[2]} standin=ratesheet-base:${image#rust:}
[ "$(id -u)" = 0 ] || { echo "offline-base: debootstrap needs root" >&2; exit 1; }
for tool in docker debootstrap rustc; do
    command -v "$tool" > /dev/null || { echo "offline-base: $tool is missing" >&2; exit 1; }
done

# The toolchain of that version, if rustup has it; else the one in use must be it.
sysroot=
if command -v rustup > /dev/null; then
    installed=$(rustup toolchain list | sed 's/ .*//')
    while read -r toolchain; do
        case $(rustup run "$toolchain" rustc --version 2> /dev/null || true) in
            "rustc $version"[.\ ]*) sysroot=$(rustup run "$toolchain" rustc --print sysroot); break ;;
        esac
    done <<< "$installed"
else
    case $(rustc --version) in "rustc $version"[.\ ]*) sysroot=$(rustc --print sysroot) ;; esac
fi
[ -n "$sysroot" ] || { echo "offline-base: there is no Rust $version here" >&2; exit 1; }
host=$("$sysroot/bin/rustc" -vV | sed -n 's/^host: //p')
echo "offline-base: $standin, for $image, from Debian $release and $("$sysroot/bin/rustc" --version) for $host"

root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"
debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev "$release" "$root" \
    ${MIRROR:+"$MIRROR"} > /dev/null
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*

# Where the official image has it; without documentation, and without other targets.
place=/usr/local/rustup/toolchains/$version-$host
mkdir -p "$root$place/bin" "$root$place/lib/rustlib" "$root/usr/local/cargo/bin"
cp -rL "$sysroot/bin/cargo" "$sysroot/bin/rustc" "$root$place/bin/"
find "$sysroot/lib/" -maxdepth 1 \( -type f -o -type l \) -exec cp -P {} "$root$place/lib/" \;
cp -r "$sysroot/lib/rustlib/$host" "$root$place/lib/rustlib/"
ln -s "$place/bin/cargo" "$place/bin/rustc" "$root/usr/local/cargo/bin/"

# Cargo must reach its registry from inside, as it does from here.
if [ -n "$(ls /usr/local/share/ca-certificates 2> /dev/null)" ]; then
    cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates > /dev/null 2>&1
fi

tar -C "$root" -c . | docker import \
    --change 'ENV RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --message 'a stand-in, made without a registry' - "$standin" > /dev/null
docker run --rm --network none "$standin" rustc --version
echo "docker build --build-arg RUST_IMAGE=$standin -t ratesheet ."
