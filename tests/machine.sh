#!/usr/bin/env bash
# What only a machine can do to a process: networks that lead nowhere, little memory, little time,
# no threads, a clock that jumps. It is no part of `cargo test`; what cannot be done here is
# skipped, with the reason.
#
# Usage: tests/machine.sh [network] [limits] [clock]    (as root, on Linux; all of them by default)
# It needs Python; and iproute2, iptables, strace, a C compiler for what is skipped without them.
# RATESHEET, SANDBOX: the programs, if they are not to be built: target/fast/ratesheet, and
# target/fast/examples/sandbox. A debug build is three times as large, and no measure of memory.
# Ends with a line `N passed, N failed, N skipped`.
# shellcheck disable=SC2034 # the parts use what is set here
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" = 0 ] || { echo "skipped: it needs root"; exit 0; }
command -v python3 >/dev/null || { echo "skipped: it needs Python"; exit 0; }

if [ -z "${RATESHEET:-}" ]; then
    cargo build --locked --quiet --profile fast --bin ratesheet --example sandbox
fi
ratesheet=$(realpath "${RATESHEET:-target/fast/ratesheet}")
sandbox=$(realpath "${SANDBOX:-target/fast/examples/sandbox}")
temp=$(mktemp -d) passed=0 failed=0 skipped=0
space=ratesheet-$$ groups=()

pass() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
# What fails is told with the last that the service has said.
fail() {
    failed=$((failed + 1))
    printf 'FAIL  %s\n' "$*"
    tail -n 3 "$temp/log" 2>/dev/null | sed 's/^/      /' || true
}
skip() { skipped=$((skipped + 1)); printf 'skip  %s\n' "$*"; }
check() { local what=$1; shift; if "$@"; then pass "$what"; else fail "$what"; fi; }
have() { command -v "$1" >/dev/null; }
# eventually TENTHS COMMAND…: waits so long for it to hold.
eventually() { local left=$1; shift; until "$@"; do [ $((left -= 1)) -gt 0 ] || return 1; sleep 0.1; done; }
milliseconds() { date +%s%3N; }

# ends PROCESS: ends what was started here, without a word.
ends() { { kill -KILL "$1" && wait "$1"; } 2>/dev/null || true; }
clean() {
    for pid in $(jobs -pr); do ends "$pid"; done
    ip netns del "$space" 2>/dev/null || true
    for group in "${groups[@]}"; do eventually 20 rmdir "$group" 2>/dev/null || true; done
    rm -rf "$temp"
}
trap clean EXIT

# start_sandbox [PREFIX…]: a sandbox ($upstream), whose output goes to $temp/out and whose input
# stays open.
start_sandbox() {
    rm -f "$temp/in" "$temp/out"
    mkfifo "$temp/in"
    "$@" "$sandbox" --generous --key "$temp/key.json" <"$temp/in" >"$temp/out" &
    upstream=$!
    exec 7>"$temp/in"
    eventually 100 test -s "$temp/out" || true
    url=$(sed -n '1s/.*"url":"\([^"]*\)".*/\1/p' "$temp/out")
    id=$(sed -n '1s/.*"spreadsheet":"\([^"]*\)".*/\1/p' "$temp/out")
    port=${url##*:} # for the network
}

# ask WHAT: what the sandbox answers, one line.
ask() {
    local before
    before=$(wc -l <"$temp/out")
    echo "$1" >&7
    eventually 100 answered "$before" && tail -n 1 "$temp/out"
}
answered() { [ "$(wc -l <"$temp/out")" -gt "$1" ]; }

# configure MS KRAKEN_URL [SHEETS]: writes a configuration, of one cell unless SHEETS says otherwise.
configure() {
    local one="{ \"sheet\": \"$id:Sheet 1\", \"timeout\": $1,
      \"data\": { \"kraken:xbteur:sell\": \"A1\" }, \"updated\": \"D1\" }"
    cat >"$temp/ratesheet.json" <<JSON
{ "sheets": [ ${3:-$one} ], "credentials": "$temp/key.json",
  "log": { "format": "json" }, "status": { "listen": "${listen:-127.0.0.1:0}" },
  "kraken": { "url": "$2", "deadline": 2000, "requests_per_second": 100 },
  "google": { "url": "$url", "deadline": 2000, "writes_per_minute": 60000 },
  "retry": { "backoff_min": 100, "backoff_max": 500 } }
JSON
}

# wide SPREADSHEETS CELLS: the sheets of a configuration with so many cells in each, of 500 pairs.
wide() {
    awk -v sheets="$1" -v cells="$2" 'BEGIN {
        split("buy sell last mid", field, " ")
        for (s = 0; s < sheets; s++) {
            printf "%s{ \"sheet\": \"1Wide-%020d:Sheet 1\", \"timeout\": 1000, \"data\": {", s ? ", " : "", s
            for (c = 0; c < cells; c++)
                printf "%s\"kraken:P%dEUR:%s\": \"%c%d\"", c ? ", " : "", (s * cells + c) % 500, field[s % 4 + 1], 65 + c % 26, c / 26 + 1
            print "} }"
        }
    }'
}

# start [PREFIX…]: the service; its log in $temp/log, its process in $service.
start() {
    : >"$temp/log"
    "$@" "$ratesheet" -c "$temp/ratesheet.json" 2>"$temp/log" &
    service=$!
}

# logs TEXT [TENTHS]: whether it says so, or will before that time is over.
logs() { eventually "${2:-100}" grep -q "$1" "$temp/log"; }
writes() { logs 'the first prices are in the spreadsheet' "${1:-100}"; }
alive() { kill -0 "$service" 2>/dev/null; }
no_panic() { ! grep -q panicked "$temp/log"; }
stops() { kill -TERM "$service" && wait "$service"; }

[ $# -gt 0 ] || set -- network limits clock
for part in "$@"; do
    # shellcheck source=/dev/null
    . "tests/machine/$part.sh"
done

printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
