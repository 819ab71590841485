#!/bin/sh
# Points Google's own client libraries at the sandbox: none of them may notice.
# Needs python3, node and their package registries; it is no part of `cargo test`.
# Usage: tests/clients/run.sh [directory for the libraries]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
libraries=${1:-$here/../../target/clients}
mkdir -p "$libraries"
cd "$libraries"
if [ ! -x py/bin/python ]; then
    python3 -m venv py
    py/bin/pip install --quiet gspread google-api-python-client
fi
if [ ! -d node_modules/googleapis ]; then
    npm install --no-audit --no-fund --prefix . googleapis google-spreadsheet google-auth-library
fi
cargo build --quiet --manifest-path "$here/../../Cargo.toml" --example sandbox
sandbox=$(cd "$here/../.." && pwd)/target/debug/examples/sandbox

# One sandbox for each client: so none meets another's writes, nor its share of the quota.
against() {
    rm -f input output
    mkfifo input output
    "$sandbox" <input >output &
    exec 3>input 4<output
    read -r home <&4
    "$@" "$home"
    exec 3>&- 4<&-
    wait
    rm -f input output
}

against py/bin/python "$here/client_gspread.py"
against py/bin/python "$here/client_googleapi.py"
against node "$here/clients.mjs"
