# shellcheck shell=bash
# What the cases share: guests, and ways to look at them.

fail() {
    echo "failed: $*" >&2
    exit 1
}
trap 'echo "failed at line $LINENO: $BASH_COMMAND" >&2' ERR

# until_true SECONDS COMMAND...: what is waited for here (a route, a unit, a process) has no event in common,
# so it looks again every 20 ms. A slow machine has AUTORA_TEST_SLOW times as many seconds.
until_true() {
    local end=$((${EPOCHREALTIME/./} + $1 * ${AUTORA_TEST_SLOW:-1} * 1000000))
    shift
    while ! "$@" >/dev/null 2>&1; do
        if ((${EPOCHREALTIME/./} > end)); then
            fail "waited in vain for: $*"
        fi
        sleep 0.02
    done
}

not() {
    ! "$@"
}

# Without duplicate address detection, which takes more than a second per interface. The host forwards.
host_network() {
    echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
    echo 1 >/proc/sys/net/ipv6/conf/default/forwarding
    echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
}

set_pattern() {
    printf "AUTORA_INTERFACE_REGEX='%s'\n" "$1" >/etc/default/autora
}

# The namespace "guest" is the guest of all interfaces: guest_namespace [NAME]
guest_namespace() {
    ip netns add "${1:-guest}"
    ip netns exec "${1:-guest}" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
        echo 0 >/proc/sys/net/ipv6/conf/default/router_solicitation_delay
        ip link set lo up'
}

# plug NAME [NUMBER [NAMESPACE]]: an interface like a guest's tap, with the /64 2001:db8:NUMBER::/64; its other
# end is gNUMBER in the guest's namespace.
plug() {
    printf '%s\n' \
        "link add $1 type veth peer name g${2:-1} netns ${3:-guest}" \
        "addr add 2001:db8:${2:-1}::1/64 dev $1 nodad" \
        "link set $1 up" | ip -batch -
    ip -n "${3:-guest}" link set "g${2:-1}" up
}

unplug() {
    ip link del "$1"
}

# served [NUMBER [NAMESPACE]]: the guest has its default route and its address by an advertisement.
served() {
    ip -n "${2:-guest}" -6 route show default proto ra dev "g${1:-1}" | grep -q . &&
        ip -n "${2:-guest}" -6 addr show dev "g${1:-1}" dynamic | grep -q " 2001:db8:${1:-1}:"
}

# What most cases begin with: one guest, which is served.
one_guest() {
    host_network
    guest_namespace guest
    set_pattern '^tap-vm-[0-9]+$'
    plug tap-vm-1
    until_true 10 served
}

# await_ra [NUMBER [NAMESPACE]]: the next advertisement that the guest's end sees.
await_ra() {
    ip netns exec "${2:-guest}" timeout 70 tcpdump -n -i "g${1:-1}" -c 1 'icmp6 and ip6[40] == 134'
}

routeless() {
    [ -z "$(ip -n "${2:-guest}" -6 route show default dev "g${1:-1}")" ]
}

# Writes each change of the guest's routes to /tmp/routes, until the shell ends.
watch_routes() {
    ip -n "${1:-guest}" -6 monitor route >/tmp/routes &
    trap 'kill %1 2>/dev/null || true' EXIT
    # The monitor is there when it shows a route that only serves to see that.
    until_true 5 probe_monitor "${1:-guest}"
    : >/tmp/routes
}
probe_monitor() {
    ip -n "$1" -6 route replace blackhole 2001:db8:ffff::/48
    ip -n "$1" -6 route del blackhole 2001:db8:ffff::/48
    [ -s /tmp/routes ]
}

never_lost_its_route() {
    served "${1:-1}" || fail "the guest has no default route"
    if grep -q '^Deleted default' /tmp/routes; then
        fail "the guest lost its default route: $(cat /tmp/routes)"
    fi
}

state() {
    systemctl is-active "autora@$1.service" || true
}
is() {
    [ "$(state "$1")" = "$2" ]
}
main_pid() {
    systemctl show --value -p MainPID "autora@$1.service"
}

nothing_failed() {
    local failed
    failed=$(systemctl list-units --state=failed --plain --no-legend)
    [ -z "$failed" ] || fail "failed units: $failed"
}

# No unit and no process of an instance is left.
no_instance_left() {
    [ -z "$(running_instances)" ] && ! pgrep -x autora
}
running_instances() {
    systemctl list-units --plain --no-legend --state=active,activating,deactivating,reloading 'autora@*.service'
}
