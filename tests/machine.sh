#!/usr/bin/env bash
# What only a machine can do to a process: networks that lead nowhere, little memory, little time,
# no threads. It is no part of `cargo test`; what cannot be done here is skipped, with the reason.
#
# Usage: tests/machine.sh            (as root, on Linux)
# RATESHEET, SANDBOX: the programs, if they are not to be built: target/debug/ratesheet, and
# target/debug/examples/sandbox.
# Ends with a line `N passed, N failed, N skipped`.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${RATESHEET:-}" ]; then
    cargo build --locked --quiet --bin ratesheet --example sandbox
fi
ratesheet=$(realpath "${RATESHEET:-target/debug/ratesheet}")
sandbox=$(realpath "${SANDBOX:-target/debug/examples/sandbox}")
temp=$(mktemp -d) passed=0 failed=0 skipped=0 ours=()

pass() { passed=$((passed + 1)); printf 'ok    %s\n' "$*"; }
fail() { failed=$((failed + 1)); printf 'FAIL  %s\n' "$*"; }
skip() { skipped=$((skipped + 1)); printf 'skip  %s\n' "$*"; }
check() { local what=$1; shift; if "$@"; then pass "$what"; else fail "$what"; fi; }
have() { command -v "$1" >/dev/null; }

# Ends what was started here, and nothing else.
clean() {
    for pid in "${ours[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    ip netns del "$space" 2>/dev/null || true
    for group in "${groups[@]}"; do rmdir "$group" 2>/dev/null || true; done
    rm -rf "$temp"
}
space=ratesheet-$$ groups=()
trap clean EXIT

# start_sandbox [PREFIX…]: a sandbox, whose output goes to $temp/sandbox and whose input stays open.
start_sandbox() {
    rm -f "$temp/in" "$temp/out"
    mkfifo "$temp/in"
    "$@" "$sandbox" --key "$temp/key.json" <"$temp/in" >"$temp/out" &
    ours+=($!)
    exec 7>"$temp/in"
    for _ in $(seq 100); do [ -s "$temp/out" ] && break; sleep 0.1; done
    url=$(sed -n '1s/.*"url":"\([^"]*\)".*/\1/p' "$temp/out")
    id=$(sed -n '1s/.*"spreadsheet":"\([^"]*\)".*/\1/p' "$temp/out")
}

# configure MS KRAKEN_URL: writes a configuration.
configure() {
    cat >"$temp/ratesheet.json" <<JSON
{ "sheet": "$id:Sheet 1", "timeout": $1, "data": { "kraken:xbteur:sell": "A1" },
  "credentials": "$temp/key.json", "log": { "format": "json" }, "status": { "listen": "127.0.0.1:9642" },
  "kraken": { "url": "$2", "deadline": 2000, "requests_per_second": 100 },
  "google": { "url": "$url", "deadline": 2000, "writes_per_minute": 6000 },
  "retry": { "backoff_min": 100, "backoff_max": 500 } }
JSON
}

# start [PREFIX…]: the service; its log in $temp/log, its process in $service.
start() {
    : >"$temp/log"
    "$@" "$ratesheet" -c "$temp/ratesheet.json" 2>"$temp/log" &
    service=$!
    ours+=("$service")
}

logs() { for _ in $(seq "${2:-100}"); do grep -q "$1" "$temp/log" && return; sleep 0.1; done; return 1; }
writes() { logs 'the first prices are in the spreadsheet' "${1:-100}"; }
alive() { kill -0 "$service" 2>/dev/null; }
stops() { kill -TERM "$service" && wait "$service"; }
kib() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$service/status"; }

[ "$(id -u)" = 0 ] || { echo "skipped: it needs root"; exit 0; }

# --- a network of its own -------------------------------------------------------------------------
if have ip && ip netns add "$space" 2>/dev/null && ip -n "$space" link set lo up; then
    inside=(ip netns exec "$space")
    start_sandbox "${inside[@]}"

    # Nobody is spoken to but the loopback: every packet that would leave is counted.
    counted=
    if have iptables && "${inside[@]}" iptables -A OUTPUT ! -o lo -j DROP 2>/dev/null; then counted=1; fi
    ip -n "$space" link add out0 type dummy 2>/dev/null && ip -n "$space" addr add 10.9.9.1/24 dev out0 &&
        ip -n "$space" link set out0 up && ip -n "$space" route add default via 10.9.9.2
    configure 200 "$url"
    start "${inside[@]}"
    check "P55: it works where there is nothing but what the configuration names" writes
    sleep 3
    if [ -n "$counted" ]; then
        left=$("${inside[@]}" iptables -L OUTPUT -v -x -n | awk '/DROP/ { print $1 }')
        check "P55: no packet leaves for anybody else ($left)" test "$left" = 0
    else
        skip "P55: packets are not counted without iptables"
    fi
    check "it stops cleanly" stops

    # A name that does not exist, or a name server that is silent (the dummy's).
    for what in "4: no name server" "5: a silent name server"; do
        configure 200 https://kraken.invalid
        if [ "${what%%:*}" = 4 ]; then echo "nameserver 127.0.0.1" >"$temp/resolv.conf"
        else echo "nameserver 10.9.9.2" >"$temp/resolv.conf"; fi
        start "${inside[@]}" unshare -m sh -c "mount --bind '$temp/resolv.conf' /etc/resolv.conf && exec \"\$@\"" sh
        check "row $what: Kraken gives no quotes, and it says so" logs 'Kraken gives no quotes' 150
        check "row $what: it goes on" alive
        before=$(date +%s%N)
        check "row $what: it stops cleanly" stops
        check "row $what: … within its grace" test $((($(date +%s%N) - before) / 1000000)) -lt 8500
    done

    # No route, and one that is forbidden.
    for kind in unreachable prohibit blackhole; do
        ip -n "$space" route add "$kind" 192.0.2.0/24
        configure 200 https://192.0.2.1
        start "${inside[@]}"
        check "row 3: a route that is $kind" logs 'Kraken gives no quotes' 60
        check "row 3: it stops cleanly" stops
        ip -n "$space" route del "$kind" 192.0.2.0/24
    done

    if [ -n "$counted" ]; then
        # Row 17: an idle connection that leads nowhere any more: its packets vanish, new ones do not.
        configure 1000 "$url"
        start "${inside[@]}"
        writes || true
        port=${url##*:}
        old=$("${inside[@]}" ss -tnHp 2>/dev/null | awk -v port="$port" '$5 ~ ":" port "$" { n = split($4, a, ":"); print a[n] }' | sort -u)
        for from in $old; do "${inside[@]}" iptables -A OUTPUT -p tcp --sport "$from" --dport "$port" -j DROP; done
        if [ -n "$old" ]; then
            check "row 17: the loss of idle connections is noticed" logs 'Kraken gives no quotes' 100
            check "row 17: and new ones are made" logs 'Kraken answers again' 150
        else
            skip "row 17: no idle connection is seen"
        fi
        check "row 17: it stops cleanly" stops
        "${inside[@]}" iptables -F OUTPUT
    fi

    # Row 22: hardly any ports. They are all taken by others for a while.
    if "${inside[@]}" sysctl -qw net.ipv4.ip_local_port_range="40000 40003" 2>/dev/null; then
        configure 200 "$url"
        start "${inside[@]}"
        check "row 22: four ports are enough, however many connections break" writes 200
        check "row 22: it stops cleanly" stops
        "${inside[@]}" sysctl -qw net.ipv4.ip_local_port_range="32768 60999"
    else
        skip "row 22: the range of ports cannot be set"
    fi
    exec 7>&-
else
    skip "P55, rows 3, 4, 5, 17, 22: no network namespaces here"
fi

# --- little memory, little time, no threads -------------------------------------------------------
start_sandbox
configure 200 "$url"

# group CONTROLLER NAME: a cgroup (v1), in $group; or nothing.
group() {
    group=/sys/fs/cgroup/$1/ratesheet-$$-$2
    mkdir "$group" 2>/dev/null && groups+=("$group")
}
into() { exec sh -c "echo \$\$ >'$1/cgroup.procs' && shift && exec \"\$@\"" sh "$@"; }

for mib in 16 32; do
    if group memory "$mib" && echo $((mib * 1024 * 1024)) >"$group/memory.limit_in_bytes" 2>/dev/null; then
        start into "$group"
        check "P24, row 76: it works in $mib MiB" writes
        sleep 5
        check "P24, row 76: it is alive, at $(kib VmRSS) KiB of which $(kib RssAnon) are its own" alive
        check "it stops cleanly" stops
    else
        skip "P24, row 76: no limit of $mib MiB can be set"
    fi
done

if group cpu slow && echo 5000 >"$group/cpu.cfs_quota_us" 2>/dev/null; then
    start into "$group"
    check "row 77: it works with a twentieth of a core" writes 600
    check "row 77: it stops cleanly" stops
else
    skip "row 77: no share of a core can be set"
fi

if group pids few && echo 4 >"$group/pids.max" 2>/dev/null; then
    start into "$group"
    check "row 78: it works with four threads in all" writes
    check "row 78: no actor has crashed" sh -c "! grep -q panicked '$temp/log'"
    check "row 78: it stops cleanly" stops
else
    skip "row 78: the number of threads cannot be limited"
fi

# P31: at a tick a second.
configure 1000 "$url"
start
writes || true
ticks() { awk '{ print $14 + $15 }' "/proc/$service/stat"; }
before=$(ticks)
sleep 20
used=$(($(ticks) - before))
check "P31: $used hundredths of a second of a core in 20 s" test "$used" -le 20
check "it stops cleanly" stops

# P52: nothing is opened for writing.
if have strace && strace -o /dev/null true 2>/dev/null; then
    configure 200 "$url"
    : >"$temp/log"
    strace -f -qq -e trace=open,openat,creat,mkdir,unlink,rename -o "$temp/trace" \
        "$ratesheet" -c "$temp/ratesheet.json" 2>"$temp/log" &
    tracer=$!
    ours+=("$tracer")
    writes || true
    service=$(awk 'NR == 1 { print $1 }' "$temp/trace")
    kill -TERM "$service"
    wait "$tracer" || true
    opened=$(grep -E 'O_WRONLY|O_RDWR|O_CREAT|creat\(|mkdir\(|unlink\(|rename\(' "$temp/trace" | grep -vc /dev/null || true)
    check "P52: no file is opened for writing ($opened)" test "$opened" = 0
else
    skip "P52: nothing can be traced here"
fi
exec 7>&-

# P40: a clock that jumps.
faketime=$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null | head -1 || true)
if [ -n "$faketime" ]; then
    start_sandbox
    configure 200 "$url"
    echo "+0" >"$temp/clock"
    start env LD_PRELOAD="$faketime" FAKETIME_TIMESTAMP_FILE="$temp/clock" FAKETIME_NO_CACHE=1 \
        DONT_FAKE_MONOTONIC=1
    writes || true
    for jump in -1h +1h +50y; do
        echo "$jump" >"$temp/clock"
        sleep 2
        check "P40: it goes on after $jump" alive
    done
    check "P40: no actor has crashed" sh -c "! grep -q panicked '$temp/log'"
    check "it stops cleanly" stops
    exec 7>&-
else
    skip "P40: libfaketime is not installed"
fi

printf '%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
