# shellcheck shell=bash disable=SC2034,SC2154 # a part of tests/machine.sh
# P40: the wall clock jumps while it runs. It needs a C compiler.

# set_clock SECONDS: the service's clock is so far ahead of the true one. The file is never empty.
set_clock() { printf '%-20s' "$1" 1<>"$temp/clock"; }

# How many hours `updated` (D1) is ahead of the true time: it shows the service's clock.
hours_ahead() {
    ask cells | python3 -c 'import json, sys, time
print(round(24 * (json.load(sys.stdin)[0][3] - 25569) - time.time() / 3600))'
}

# keeps_time PERIOD CALM: waits five seconds, and says whether the sandbox was asked as before.
keeps_time() {
    local since
    since=$(milliseconds)
    sleep 5
    ask journal | python3 tests/machine/rhythm.py "$1" "$2" "$since" "$(milliseconds)"
}

if have cc && cc -O1 -Wall -Werror -shared -fPIC -o "$temp/clock.so" tests/machine/clock.c; then
    start_sandbox
    configure 500 "$url"
    set_clock 0
    start env LD_PRELOAD="$temp/clock.so" CLOCK_AHEAD="$temp/clock"
    writes || true
    calm=$(milliseconds)
    check "P40: it has a rhythm before the clock jumps" keeps_time 500 "$calm"
    for jump in "-3600 -1" "3600 1" "1576800000 438000" "0 0"; do
        set_clock "${jump% *}"
        check "P40: with the clock at ${jump% *} s, it fetches and writes to the same beat" keeps_time 500 "$calm"
        ahead=$(hours_ahead)
        check "P40: … and the cell that tells the time shows it ($ahead h)" test "$ahead" = "${jump#* }"
    done
    check "P40: no actor has crashed" no_panic
    check "P40: it stops cleanly" stops
    exec 7>&-
else
    skip "P40: no C compiler"
fi
