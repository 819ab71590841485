#!/usr/bin/env bash
# Looks at the unit of systemd with systemd's own tools: whether it is well formed, how much is left
# open, and whether the program needs a system call that the unit bars. Then installs the Debian
# package in a container in which systemd runs, and looks how the service starts, reloads, is killed,
# hangs and stops there. It is no part of `cargo test`.
#
# Usage: tests/systemd.sh
# Needs systemd-analyze, and strace for the system calls.
# RATESHEET: the program, best the static one; without it, cargo builds one.
# DEB: the package, as deploy/package.sh makes it; without it, nothing is installed. That part needs
#     docker, the right to give a container capabilities, the image ratesheet-sandbox:test that
#     tests/container.sh leaves, and the Dockerfile's base image or its stand-in, as a Debian to install systemd in.
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

# ---- at work, below systemd

# same TEXT EXPECTED FOUND
same() { if [ "$2" = "$3" ]; then pass "$1: $3"; else fail "$1: $3, expected $2"; fi; }
machine=ratesheet-systemd-$$
inside() { docker exec "$machine" "$@"; }
property() { inside systemctl show -p "$1" --value ratesheet; }
properties() { echo "$(property "$1") $(property "$2")"; }
# comes_to TEXT EXPECTED SECONDS COMMAND…: what a command prints in the end.
comes_to() {
    local text=$1 expected=$2 seconds=$3 found=
    shift 3
    for _ in $(seq $((seconds * 5))); do
        found=$("$@" 2> /dev/null || true)
        [ "$found" = "$expected" ] && break
        sleep 0.2
    done
    same "$text" "$expected" "$found"
}
# What the spreadsheet shows, from Google's side.
shown() { inside tail -n 1 /root/shown; }
# goes_on TEXT: the cells change.
goes_on() {
    local before
    before=$(shown)
    for _ in $(seq 100); do
        [ "$(shown)" != "$before" ] && { pass "$1"; return; }
        sleep 0.2
    done
    fail "$1: the cells do not change"
}

at_work() {
    local base pid sandbox since took
    base=$(sed -n 's/^ARG RUST_IMAGE=//p' Dockerfile)
    docker image inspect "$base" > /dev/null 2>&1 || base=ratesheet-base:${base#rust:}
    mkdir "$temp/machine"
    printf 'FROM %s\nRUN apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd\n' \
        "$base" > "$temp/machine/Dockerfile"
    DOCKER_BUILDKIT=0 docker build --network host -q -t ratesheet-systemd:test "$temp/machine" > "$temp/build" 2>&1 \
        || { tail -n 3 "$temp/build"; fail "no machine with systemd can be made"; return; }
    sandbox=$(docker create ratesheet-sandbox:test)
    docker cp "$sandbox:/sandbox" "$temp/sandbox" > /dev/null
    docker rm "$sandbox" > /dev/null
    # All that systemd needs to bar the service from it. The tree of control groups is the
    # container's own, not this machine's.
    docker run -d --rm --name "$machine" --cap-add ALL --cap-drop SYS_RESOURCE \
        --security-opt seccomp=unconfined --security-opt apparmor=unconfined --network none \
        --tmpfs /run --tmpfs /run/lock --cgroupns private \
        -e container=docker ratesheet-systemd:test \
        sh -c 'mount --make-rshared / && mount -o remount,rw /sys/fs/cgroup && exec /lib/systemd/systemd' > /dev/null
    comes_to "systemd" running 30 inside systemctl is-system-running
    docker cp "$temp/sandbox" "$machine:/usr/local/bin/sandbox" > /dev/null
    docker cp "$DEB" "$machine:/root/ratesheet.deb" > /dev/null
    if inside dpkg -i /root/ratesheet.deb > "$temp/said" 2>&1; then
        pass "the package is installed"
    else
        cat "$temp/said"
        fail "the package cannot be installed"
    fi
    same "installed, it is" "inactive disabled" \
        "$(inside systemctl is-active ratesheet || true) $(inside systemctl is-enabled ratesheet || true)"

    inside mkdir -p /etc/ratesheet
    docker exec -d "$machine" sh -c \
        'sleep infinity | sandbox --listen 127.0.0.1:8470 --key /etc/ratesheet/key.json --watch > /root/shown'
    comes_to "the key is there" yes 10 inside sh -c 'test -s /etc/ratesheet/key.json && echo yes'
    inside chmod 600 /etc/ratesheet/key.json
    sed '/"credentials"/d' deploy/demo.json > "$temp/ratesheet.json"
    docker cp "$temp/ratesheet.json" "$machine:/etc/ratesheet/ratesheet.json" > /dev/null

    inside systemctl start ratesheet || fail "it cannot be started"
    same "it has said that it is at work" active "$(property ActiveState)"
    goes_on "it writes"
    pid=$(property MainPID)
    same "its capabilities, new privileges, filter of system calls" "0000000000000000 1 2" \
        "$(inside sed -n 's/^\(CapBnd\|NoNewPrivs\|Seccomp\):[[:space:]]*//p' "/proc/$pid/status" | xargs)"
    inside systemctl reload ratesheet || fail "it cannot be reloaded"
    comes_to "reloaded" "active $pid" 10 properties ActiveState MainPID
    goes_on "it goes on"
    inside sh -c "kill -KILL $pid"
    comes_to "killed, it is started again" "active 1" 30 properties ActiveState NRestarts
    goes_on "it writes again"
    inside sh -c "kill -STOP $(property MainPID)"
    comes_to "standing still, it is ended by the watchdog and started again" "active 2" 60 properties ActiveState NRestarts
    goes_on "it writes once more"
    since=$(date +%s%N)
    inside systemctl stop ratesheet
    took=$((($(date +%s%N) - since) / 1000000))
    same "stopped" "success 0" "$(properties Result ExecMainStatus)"
    if [ "$took" -le 1500 ]; then pass "in $took ms"; else fail "in $took ms, more than 1500"; fi
    inside sh -c 'echo "{}" > /etc/ratesheet/key.json; systemctl start ratesheet 2> /dev/null' || true
    comes_to "with a key that is none" "failed 77" 10 properties ActiveState ExecMainStatus
    inside sh -c 'rm /etc/ratesheet/key.json; systemctl start ratesheet 2> /dev/null' || true
    comes_to "without a key" "failed 243" 10 properties ActiveState ExecMainStatus
    if inside dpkg -P ratesheet > "$temp/said" 2>&1; then pass "the package is gone"; else fail "the package stays"; fi
}
if [ -z "${DEB:-}" ]; then
    printf '      nothing is installed: no DEB is named\n'
elif ! docker image inspect ratesheet-sandbox:test > /dev/null 2>&1; then
    printf '      nothing is installed: the image ratesheet-sandbox:test is not there\n'
else
    trap 'docker rm -f "$machine" > /dev/null 2>&1 || true; rm -rf "$temp"' EXIT
    at_work
fi

printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
