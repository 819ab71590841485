#!/usr/bin/env bash
# Looks at the unit of systemd with systemd's own tools: whether it is well formed, how much is left
# open, and whether the program needs a system call that the unit bars. What systemd is told over its
# socket is tested by `cargo test notify`. It is no part of `cargo test`.
#
# Usage: tests/systemd.sh
# Needs systemd-analyze, and strace for the system calls.
# RATESHEET: the program, best the static one; without it, cargo builds one.
# Ends with a line `N passed, N failed`, or `skipped: why` and 0.
set -euo pipefail
cd "$(dirname "$0")/.."

temp=$(mktemp -d) passed=0 failed=0
trap 'rm -rf "$temp"' EXIT
pass() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
fail() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$*"; }
skip() { printf 'skipped: %s\n' "$*"; exit 0; }

command -v systemd-analyze > /dev/null || skip "systemd-analyze is not installed"
ratesheet=${RATESHEET:-}
if [ -z "$ratesheet" ]; then
    cargo build --locked --quiet
    ratesheet=$PWD/target/debug/ratesheet
fi
unit=deploy/systemd/ratesheet.service

# ---- the unit by itself

# As it is, but for the place of the program, which need not be installed here.
sed "s#^ExecStart=/usr/bin/ratesheet#ExecStart=$ratesheet#" "$unit" > "$temp/ratesheet.service"
if systemd-analyze verify --man=no "$temp/ratesheet.service" > "$temp/said" 2>&1 && [ ! -s "$temp/said" ]; then
    pass "it is well formed"
else
    cat "$temp/said"
    fail "it is not well formed"
fi
sed 's/^MemoryMax=64M/MemoryMax=64Q/' "$temp/ratesheet.service" > "$temp/broken.service"
systemd-analyze verify --man=no "$temp/broken.service" > "$temp/said" 2>&1 || true
if [ -s "$temp/said" ]; then pass "a mistake in it is noticed"; else fail "a mistake in it is not noticed"; fi

# Exposure, of 10: at most 1.9.
if systemd-analyze security --offline=true --threshold=19 "$temp/ratesheet.service" > "$temp/security" 2>&1; then
    pass "$(grep -o 'Overall exposure level.*' "$temp/security" | tr -cd '[:print:]')"
else
    tail -n 3 "$temp/security"
    fail "more is left open than it needs"
fi

# ---- the system calls

# allowed: what the lines SystemCallFilter of the unit come to.
members() { # the calls of a group, groups in it resolved
    local line
    systemd-analyze syscall-filter "$1" | while read -r line; do
        case $line in
            '#'* | "$1" | '') ;;
            @*) members "$line" ;;
            *) echo "$line" ;;
        esac
    done
}
allowed() {
    local words word
    : > "$temp/allowed"
    while read -r words; do
        for word in ${words#\~}; do
            case $word in @*) members "$word" ;; *) echo "$word" ;; esac
        done | sort -u > "$temp/words"
        case $words in
            \~*) comm -23 "$temp/allowed" "$temp/words" > "$temp/rest" ;;
            *) sort -u "$temp/allowed" "$temp/words" > "$temp/rest" ;;
        esac
        mv "$temp/rest" "$temp/allowed"
    done < <(sed -n 's/^SystemCallFilter=//p' "$unit")
}
if ! command -v strace > /dev/null || ! strace -o "$temp/trace" true 2> /dev/null; then
    printf '      the system calls are not looked at: strace is missing, or may not trace\n'
else
    allowed
    for call in mount reboot setrlimit ptrace; do
        ! grep -qx "$call" "$temp/allowed" || fail "the unit allows $call"
    done
    # The demo is the real service, TLS apart, and its stand-ins besides.
    env -i "$(command -v strace)" -f -qq -o "$temp/trace" "$ratesheet" demo --ticks 5 --every 200 > "$temp/demo" 2>&1 \
        || fail "the demo does not run below strace"
    sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$temp/trace" | sort -u > "$temp/used"
    barred=$(comm -23 "$temp/used" "$temp/allowed" | xargs)
    if [ "$(wc -l < "$temp/used")" -lt 20 ]; then
        fail "hardly any system call was seen"
    elif [ -z "$barred" ]; then
        pass "the unit allows all of the $(wc -l < "$temp/used") system calls that are made"
    else
        fail "the unit bars system calls that are made: $barred"
    fi
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
