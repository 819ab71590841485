# shellcheck shell=bash disable=SC2034,SC2154 # a part of tests/machine.sh
# Little memory, little time, no threads, nothing to write to; and what it takes at rest.

# limit KIND LIMIT: a cgroup that has so much of it (memory, cpu, pids), in $group; or nothing.
limit() {
    local root=/sys/fs/cgroup/$1 file
    case $1 in memory) file=memory.limit_in_bytes ;; cpu) file=cpu.cfs_quota_us ;; pids) file=pids.max ;; esac
    if grep -qw "$1" /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
        root=/sys/fs/cgroup # version 2
        file=$1.max
    fi
    group=$root/ratesheet-$$-${#groups[@]}
    mkdir "$group" && groups+=("$group") && echo "$2" >"$group/$file"
} 2>/dev/null
into() { exec sh -c "echo \$\$ >'$1/cgroup.procs' && shift && exec \"\$@\"" sh "$@"; }

kib() { awk -v name="$1:" '$1 == name { print $2 }' "/proc/$service/status" 2>/dev/null; }
# Pages that the service had to read from a disk so far, and processes of the group that were
# killed for want of memory.
read_again() { awk '{ print $12 }' "/proc/$service/stat" 2>/dev/null || echo 0; }
killed() { cat "$group/memory.oom_control" "$group/memory.events" 2>/dev/null | awk '$1 == "oom_kill" { n += $2 } END { print n + 0 }'; }
# How many spreadsheets have their first prices.
priced() { [ "$(grep -c 'the first prices are in the spreadsheet' "$temp/log")" = "$1" ]; }

# keeps_up SPREADSHEETS PERIOD: waits ten seconds; whether each has been written at every tick.
keeps_up() {
    local since
    since=$(milliseconds)
    sleep 10
    ask journal | python3 tests/machine/steady.py "$2" "$1" "$since" "$(milliseconds)"
}

# remembers MIB SHEETS WHAT [PERIOD]: it works in so much memory, and is never short of it; and, if a
# PERIOD is named, it writes all SHEETS so often. It is a copy of the program that nobody has read
# yet, so that whatever is read of its file counts as well.
remembers() {
    local before again kept well ratesheet=$ratesheet
    if ! limit memory $(($1 * 1024 * 1024)); then
        skip "P24, row 76: no limit of $1 MiB can be set"
        return
    fi
    dd if="$ratesheet" of="$temp/ratesheet" conv=fsync status=none
    dd if="$temp/ratesheet" of=/dev/null iflag=nocache count=0 status=none
    chmod +x "$temp/ratesheet"
    ratesheet=$temp/ratesheet
    start into "$group"
    check "P24, row 76: in $1 MiB it writes $3" eventually 600 priced "$2"
    before=$(read_again)
    if [ -n "${4:-}" ]; then
        kept=$(keeps_up "$2" "$4") && well=true || well=false
        check "L04: … and at every tick: $kept" "$well"
    fi
    sleep 5
    kill -STOP "$upstream"
    logs 'Kraken gives no quotes\|the spreadsheet is not written' || true
    sleep 5
    kill -CONT "$upstream"
    check "P24, row 76: … and goes on after an outage" logs 'Kraken answers again\|the spreadsheet is written again'
    again=$(($(read_again) - before))
    check "P24, row 76: … and reads $again pages of its file a second time for want of room" test "$again" -lt 100
    check "P24, row 76: … and nothing is killed ($(kib VmHWM) KiB at the most, $(kib RssAnon) of its own now)" test "$(killed)" = 0
    check "P24, row 76: … and it stops cleanly" stops
}

start_sandbox
configure 200 "$url"
remembers 16 1 "a small configuration"
remembers 32 1 "a small configuration"

python3 tests/machine/kraken.py >"$temp/kraken" 2>"$temp/kraken.log" &
eventually 100 test -s "$temp/kraken"
for size in "50 200" "200 50"; do
    # shellcheck disable=SC2086 # two words
    configure 1000 "$(cat "$temp/kraken")" "$(wide $size)"
    remembers 32 "${size% *}" "500 pairs into ${size% *} spreadsheets of ${size#* } cells" 1000
done

# What the service has had of a core so far, in microseconds.
spent() { cat "/proc/$service"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d", ns / 1000 }'; }

# Row 77. In a twentieth of a core what needs so much of it takes twenty times as long, and may have
# to wait for the next tenth of a second, before which there is no more. A price that has been asked
# for is in its cell until the one of the next tick is: so it may be as old as two ticks and the
# work of both, which is measured first, where there is no limit.
configure 200 "$url"
quota=5000 period=100000
if limit cpu "$quota"; then
    start
    writes || true
    before=$(spent)
    sleep 10
    cost=$((($(spent) - before) / 50)) # for each tick, as if there were no others
    stops || true
    bound=$((2 * (200 + (cost * period / quota + period) / 1000)))
    start into "$group"
    check "row 77: it works with a twentieth of a core" writes 600
    since=$(milliseconds)
    sleep 20
    kept=$(ask journal | python3 tests/machine/fresh.py "$bound" "$since" "$(milliseconds)") && well=true || well=false
    check "row 77: … and is never more than $bound ms behind, at $cost µs a tick: $kept" "$well"
    check "row 77: it stops cleanly" stops
else
    skip "row 77: no share of a core can be set"
fi

if limit pids 4; then
    start into "$group"
    check "row 78: it works with four threads in all" writes
    check "row 78: no actor has crashed" no_panic
    check "row 78: it stops cleanly" stops
else
    skip "row 78: the number of threads cannot be limited"
fi

# P31: twenty pairs at a tick a second.
configure 1000 "$(cat "$temp/kraken")" "$(wide 1 20)"
start
check "P31: it writes twenty pairs" writes
ticks() { awk '{ print $14 + $15 }' "/proc/$service/stat"; }
before=$(ticks)
sleep 20
used=$(($(ticks) - before))
check "P31: … and needs $used hundredths of a second of a core in 20 s" test "$used" -le 20
check "P31: it stops cleanly" stops

# P52: nothing is opened for writing, made, moved or removed. A call that this machine does not
# have is passed over.
calls='?open,openat,?openat2,?creat,?mkdir,mkdirat,?rmdir,?unlink,unlinkat,?rename,?renameat,renameat2'
calls+=',?link,linkat,?symlink,symlinkat,?mknod,mknodat,truncate'
if have strace && strace -o /dev/null true 2>/dev/null; then
    configure 200 "$url"
    : >"$temp/log"
    strace -f -qq -e trace="$calls" -o "$temp/trace" \
        "$ratesheet" -c "$temp/ratesheet.json" 2>"$temp/log" &
    tracer=$!
    check "P52: it works while it is traced" writes
    service=$(awk 'NR == 1 { print $1 }' "$temp/trace")
    kill -TERM "$service"
    wait "$tracer" || true
    check "P52: … and the files that it opens are seen" grep -q "open.*\"$temp/key.json\", O_RDONLY" "$temp/trace"
    # Of calls, those that open a file to read it are left out, and those that open nothing.
    changes=$(grep -vE ' open(at2?)?\(.*O_RDONLY' "$temp/trace" | grep -E ' [a-z0-9]+\(' | grep -v '"/dev/null"' || true)
    check "P52: … and nothing is opened for writing, made, moved or removed${changes:+: $changes}" test -z "$changes"
else
    skip "P52: nothing can be traced here"
fi
exec 7>&-
