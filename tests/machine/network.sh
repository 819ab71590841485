# shellcheck shell=bash disable=SC2034,SC2154 # a part of tests/machine.sh
# A network of its own, in which every kind of road can be blocked. It needs iproute2 and iptables.

inside=(ip netns exec "$space")
# The same, with files of ours in the place of those that say what hosts are called.
named=("${inside[@]}" unshare -m sh -c "mount --bind '$temp/resolv.conf' /etc/resolv.conf &&
    mount --bind '$temp/hosts' /etc/hosts && exec \"\$@\"" sh)
no_quotes='Kraken gives no quotes'

# answers HOW: what names.py says from now on. Its file is never half there.
answers() { echo "$1" >"$temp/names.new" && mv "$temp/names.new" "$temp/names"; }

# hosts LINE…: what /etc/hosts has in it, from now on.
hosts() { printf '%s\n' "$@" >"$temp/hosts"; }
# A network of one machine. What is meant for any other is lost on its way, and counted.
build() {
    have ip && have iptables && ip netns add "$space" && ip -n "$space" link set lo up &&
        ip -n "$space" route add default dev lo && "${inside[@]}" iptables -A OUTPUT ! -d 127.0.0.0/8 -j DROP &&
        { ! ip -n "$space" -6 route add default dev lo || "${inside[@]}" ip6tables -A OUTPUT ! -d ::1 -j DROP; }
} 2>/dev/null
lost() {
    local tables
    for tables in iptables ip6tables; do "${inside[@]}" "$tables" -L OUTPUT -v -x -n; done 2>/dev/null |
        awk '/DROP/ { all += $1 } END { print all }'
}
# lost_more COMMAND…: whether it loses a packet.
lost_more() { local before; before=$(lost); "$@" >/dev/null 2>&1 || true; [ "$(lost)" -gt "$before" ]; }

# P55: nobody is spoken to but whom the configuration names.
nobody_else() {
    # Whoever asks for a name asks somebody who is elsewhere.
    echo "nameserver 192.0.2.1" >"$temp/resolv.conf"
    hosts "127.0.0.1 localhost"
    configure 200 "$url"
    start "${named[@]}"
    check "P55: it works where there is nothing but what the configuration names" writes
    sleep 3
    local left
    left=$(lost)
    check "P55: no packet leaves for anybody else ($left)" test "$left" = 0
    check "P55: … and one that did would be seen" \
        lost_more "${inside[@]}" bash -c 'echo >/dev/udp/192.0.2.1/9'
    check "P55: … one by IPv6 too" lost_more "${inside[@]}" bash -c 'echo >/dev/udp/2001:db8::1/9'
    check "P55: … and one that asks for a name" \
        lost_more "${named[@]}" timeout 2 getent hosts somebody.invalid
    check "P55: it stops cleanly" stops
}

# Row 3: no route, and one that is forbidden.
no_route() {
    local kind
    for kind in unreachable prohibit blackhole; do
        ip -n "$space" route add "$kind" 192.0.2.0/24
        configure 200 https://192.0.2.1
        start "${inside[@]}"
        check "row 3: a route that is $kind" logs "$no_quotes" 60
        check "row 3: it stops cleanly" stops
        ip -n "$space" route del "$kind" 192.0.2.0/24
    done
}

# Row 4: a name that does not exist, and name servers that are broken or not there. The name is
# that of this machine, the one that Kraken may have without TLS.
no_name() {
    local how words responder=
    echo "nameserver 127.0.0.1" >"$temp/resolv.conf"
    hosts ""
    configure 200 "http://localhost:$port"
    for how in "" servfail nxdomain; do
        answers "$how"
        if [ "$how" = nxdomain ]; then words='Name or service not known'; else words='Temporary failure'; fi
        start "${named[@]}"
        check "row 4: ${how:-nobody answers}: it names the host, and why there is no address" \
            logs "$no_quotes: .*http://localhost:$port.*the name of the host cannot be resolved: .*$words"
        check "row 4: … and goes on" alive
        answers 127.0.0.1
        if [ -z "$responder" ]; then
            "${inside[@]}" python3 tests/machine/names.py "$temp/names" >"$temp/listening" &
            responder=$!
        fi
        check "row 4: … and works as soon as the name has an address" logs 'Kraken answers again' 150
        check "row 4: … and its prices arrive" writes
        check "row 4: … and stops cleanly" stops
    done
    ends "$responder"
}

# Row 5: a name server that is silent, which is not one that cannot be reached. A lookup lasts ten
# seconds then, and is not broken off when it is given up: no other of the same host may begin within
# five, nor more than three be under way, nor a stop wait for it.
silent_name_server() {
    local responder before lookups well url=https://google.invalid # for the configuration
    echo "nameserver 127.0.0.1" >"$temp/resolv.conf"
    hosts ""
    answers silent
    "${inside[@]}" python3 tests/machine/names.py "$temp/names" >"$temp/asked" &
    responder=$!
    eventually 100 test -s "$temp/asked"
    configure 200 https://kraken.invalid "$(wide 3 2)"
    start "${named[@]}"
    check "row 5: a silent name server: Kraken gives no quotes, and it says so" logs "$no_quotes: .*no answer within 2" 150
    sleep 25
    lookups=$(python3 tests/machine/lookups.py kraken.invalid google.invalid <"$temp/asked") && well=true || well=false
    check "row 5: … and no host is looked up too often: $lookups" "$well"
    check "row 5: … and goes on" alive
    before=$(milliseconds)
    check "row 5: … and stops cleanly" stops
    check "row 5: … at once, whatever is being looked up" test $(($(milliseconds) - before)) -lt 2000
    ends "$responder"
}

# lives_at ADDRESS: another sandbox, for Kraken alone, in $host.
lives_at() {
    "${inside[@]}" "$sandbox" --listen "$1:8999" <"$temp/open" >"$temp/moved" &
    host=$!
    eventually 100 test -s "$temp/moved"
}

# Row 6: a host moves, and /etc/hosts with it.
moving_host() {
    mkfifo "$temp/open"
    exec 8<>"$temp/open"
    lives_at 127.0.0.2
    hosts "127.0.0.2 localhost"
    configure 200 "http://localhost:8999"
    start "${named[@]}"
    check "row 6: Kraken is found at its address" writes
    ends "$host"
    check "row 6: … is missed when it moves" logs "$no_quotes"
    hosts "127.0.0.3 localhost"
    lives_at 127.0.0.3
    check "row 6: … and found at its new one" logs 'Kraken answers again'
    check "row 6: it stops cleanly" stops
    ends "$host"
    exec 8>&-
}

# Row 7: the host has an address of IPv6, which leads nowhere, and one of IPv4, which is well.
broken_ipv6() {
    if ! have ip6tables || ! ip -n "$space" addr add 2001:db8::1/64 dev lo nodad; then
        skip "row 7: no IPv6 here"
        return
    fi
    hosts "2001:db8:1::1 localhost" "127.0.0.1 localhost"
    configure 200 "http://localhost:$port"
    ip -n "$space" route add blackhole 2001:db8:1::/48
    start "${named[@]}"
    check "row 7: with no way by IPv6 it takes IPv4" writes
    check "row 7: it stops cleanly" stops
    ip -n "$space" route del blackhole 2001:db8:1::/48

    ip -n "$space" route add 2001:db8:1::/48 dev lo
    "${inside[@]}" ip6tables -A OUTPUT -d 2001:db8:1::1 -j DROP
    check "row 7: a name has an address that packets are lost on their way to, and comes first" \
        test "$("${named[@]}" getent ahosts localhost | awk 'NR == 1 { print $1 }')" = 2001:db8:1::1
    start "${named[@]}"
    check "row 7: … and it takes the other" writes
    check "row 7: it stops cleanly" stops
}

# Row 17: an idle connection that leads nowhere any more: its packets vanish, new ones do not.
lost_connection() {
    local old from
    configure 1000 "$url"
    start "${inside[@]}"
    writes || true
    old=$("${inside[@]}" ss -tnHp | awk -v port="$port" '$5 ~ ":" port "$" { n = split($4, a, ":"); print a[n] }' | sort -u)
    for from in $old; do "${inside[@]}" iptables -A OUTPUT -p tcp --sport "$from" --dport "$port" -j DROP; done
    check "row 17: there are idle connections, which are cut" test -n "$old"
    check "row 17: … their loss is noticed" logs "$no_quotes" 100
    check "row 17: … and new ones are made" logs 'Kraken answers again' 150
    check "row 17: it stops cleanly" stops
    "${inside[@]}" iptables -F OUTPUT
}

# Row 22: there are four ports, and somebody has them all.
no_ports() {
    "${inside[@]}" sysctl -qw net.ipv4.ip_local_port_range="40000 40003"
    "${inside[@]}" python3 -c '
import socket, time
held = [socket.socket() for _ in range(4)]
for place, taken in enumerate(held):
    taken.bind(("", 40000 + place))
print("held", flush=True)
time.sleep(600)' >"$temp/held" &
    local holder=$!
    eventually 100 test -s "$temp/held"
    local listen=127.0.0.1:9642 # it begins to listen while there is no other port
    configure 200 "$url"
    start "${inside[@]}"
    check "row 22: without a port left it says so" logs "$no_quotes: .*Cannot assign requested address"
    check "row 22: … and goes on" alive
    ends "$holder"
    check "row 22: … and works with the four that become free" logs 'Kraken answers again'
    check "row 22: … and its prices arrive" writes
    check "row 22: it stops cleanly" stops
    "${inside[@]}" sysctl -qw net.ipv4.ip_local_port_range="32768 60999"
}

if build; then
    start_sandbox "${inside[@]}"
    nobody_else
    no_route
    no_name
    silent_name_server
    moving_host
    broken_ipv6
    lost_connection
    no_ports
    exec 7>&-
else
    skip "P55, rows 3 to 7, 17, 22: no network of its own here"
fi
