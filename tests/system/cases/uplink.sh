# shellcheck shell=bash
# A host whose way out depends on Router Advertisements of an upstream router, with the widest pattern there is.

# The shortest intervals: whoever advertised would do so while a case looks on.
pattern() {
    set_pattern "$1"
    printf '%s\n' AUTORA_MIN_RA_INTERVAL=3s AUTORA_MAX_RA_INTERVAL=4s >>/etc/default/autora
}

case_set_up() {
    host_network
    guest_namespace
    guest_namespace upstream
    ip link add up0 type veth peer name u1 netns upstream
    echo 2 >/proc/sys/net/ipv6/conf/up0/accept_ra
    printf '%s\n' 'addr add 2001:db8:99::2/64 dev up0 nodad' 'link set up0 up' | ip -batch -
    ip -n upstream link set u1 up
    until_true 10 ip -n upstream -6 addr show dev u1 scope link -tentative
    # All that leaves the uplink is seen from here on.
    ip netns exec upstream tcpdump --immediate-mode -l -n -i u1 'icmp6 and ip6[40] == 134' 2>/tmp/tcpdump >/tmp/leaks &
    until_true 5 grep -q listening /tmp/tcpdump
    disown
}

case_a_pattern_for_everything_serves_the_guest_and_not_the_uplink() {
    pattern '.*'
    systemctl reload autora.service
    plug tap-vm-1
    until_true 10 served
    until_true 5 is up0 active
    status_of_the_uplink | grep -q 'accept_ra is 2, so it is an uplink of this host'
}
status_of_the_uplink() {
    systemctl show --value -p StatusText autora@up0.service
}

case_started_by_hand_it_is_silent_too() {
    pattern '^tap-'
    systemctl reload autora.service
    until_true 10 is up0 inactive
    pattern '.*'
    systemctl start autora@up0.service
    status_of_the_uplink | grep -q 'uplink of this host'
    # Solicitations from upstream make no difference.
    ip -n upstream link set u1 down
    ip -n upstream link set u1 up
    await_ra
    systemctl stop autora@up0.service
}

case_a_static_default_route_makes_an_uplink_as_well() {
    echo 0 >/proc/sys/net/ipv6/conf/up0/accept_ra
    ip -6 route add default via fe80::1 dev up0
    systemctl start autora@up0.service
    status_of_the_uplink | grep -q 'an IPv6 default route goes out of it'
    await_ra
    systemctl stop autora@up0.service
    ip -6 route show default dev up0 | grep -q 'via fe80::1'
}

case_nothing_ever_left_the_uplink() {
    [ ! -s /tmp/leaks ] || fail "advertised on the uplink: $(cat /tmp/leaks)"
    kill "$(pgrep -x tcpdump)"
}
