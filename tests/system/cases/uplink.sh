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

# NetworkManager makes addresses of advertisements itself, and does not tell the kernel where they are from. When the
# provider's router is no default router any more, the route to its prefix shows it.
case_what_networkmanager_learned_from_advertisements_makes_an_uplink() {
    ip link add up1 type veth peer name u2 netns upstream
    ip netns exec upstream sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    ip -n upstream addr add 2001:db8:77::1/64 dev u2 nodad
    ip -n upstream link set u2 up
    provider 1800
    ip netns exec upstream radvd --nodaemon --config /tmp/radvd.conf --pidfile /tmp/radvd.pid 2>/tmp/radvd &
    # All that autora sends there.
    ip netns exec upstream tcpdump --immediate-mode -l -n -i u2 \
        "icmp6 and ip6[40] == 134 and ether src $(cat /sys/class/net/up1/address)" 2>/tmp/tcpdump2 >>/tmp/leaks &
    until_true 5 grep -q listening /tmp/tcpdump2
    disown -a

    cd /etc/NetworkManager || fail "NetworkManager is not installed"
    printf '%s\n' '[keyfile]' 'unmanaged-devices=*,except:interface-name:up1' \
        '[device]' match-device=interface-name:up1 managed=1 >conf.d/up1.conf
    printf '%s\n' '[connection]' id=up1 type=ethernet interface-name=up1 '[ipv4]' method=disabled \
        '[ipv6]' method=auto >system-connections/up1.nmconnection
    chmod 600 system-connections/up1.nmconnection
    rm /etc/systemd/system/NetworkManager.service
    systemctl daemon-reload
    systemctl start NetworkManager.service
    until_true 20 says_of_up1 'an IPv6 default route goes out of it'
    provider 0
    pkill -HUP -x radvd
    until_true 20 says_of_up1 'the route 2001:db8:77::/64 table main out of it comes from a Router Advertisement'
    ip -6 addr show dev up1 -tentative | grep -q ' 2001:db8:77:'
    # Longer than the interval that it would advertise at.
    sleep 5
    echo "note: $(NetworkManager --version): $(ip -6 addr show dev up1 | grep -o '2001:db8:77:.*'); $(
        ip -6 route show dev up1 | grep 2001:db8:77:)"
    systemctl stop NetworkManager.service
    says_of_up1 'comes from a Router Advertisement'
    systemctl stop autora@up1.service
}
provider() {
    printf '%s\n' 'interface u2 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;' \
        "AdvDefaultLifetime $1; prefix 2001:db8:77::/64 { AdvOnLink on; AdvAutonomous on; }; };" >/tmp/radvd.conf
}
says_of_up1() {
    systemctl show --value -p StatusText autora@up1.service | grep -q "$1"
}

case_nothing_ever_left_the_uplink() {
    [ ! -s /tmp/leaks ] || fail "advertised on the uplink: $(cat /tmp/leaks)"
    pkill -x tcpdump
}
