# shellcheck shell=bash
# root: containers
# What manages the host's network is restarted and reloaded under guests that are served: tap-vm-1 is a tap that is
# open, as by QEMU, tap-vm-2 a veth, as of a container. Both have their /64 from something else: a hook, or a person.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

case_set_up() {
    unmask systemd-networkd.service NetworkManager.service
    systemctl disable --now systemd-networkd.service systemd-networkd.socket
    host_network
    guest_namespace
    set_pattern '^tap-vm-[0-9]+$'
    # The shortest intervals: a case sees that it is still served.
    printf '%s\n' AUTORA_MIN_RA_INTERVAL=3s AUTORA_MAX_RA_INTERVAL=4s >>/etc/default/autora
    systemctl reload autora.service
    systemd-run --quiet --unit=tap /autora-tests/inside/tap tap-vm-1 guest g1
    until_true 10 ip link show dev tap-vm-1
    ip -6 address add 2001:db8:1::1/64 dev tap-vm-1 nodad
    ip link set tap-vm-1 up
    plug tap-vm-2 2
    # What the managers have to do with.
    ip link add uplink0 type veth peer name uplink1
    ip link set uplink1 up
    until_true 10 served 1
    until_true 10 served 2
}

# watch: from here on, what both guests lose and what is taken from the host is seen.
watch() {
    watch_routes
    ip -6 monitor address >/tmp/addresses &
    trap 'kill %1 %2 2>/dev/null || true' EXIT
    until_true 5 probe_addresses
    main_pid tap-vm-1 >/tmp/pids
    main_pid tap-vm-2 >>/tmp/pids
}
probe_addresses() {
    ip -6 address add 2001:db8:ffff::1/128 dev lo
    ip -6 address del 2001:db8:ffff::1/128 dev lo
    [ -s /tmp/addresses ]
}

undisturbed() {
    local number other
    await_ra 1 &
    other=$!
    await_ra 2
    wait "$other"
    for number in 1 2; do
        never_lost_its_route "$number"
        not grep "^Deleted .* 2001:db8:$number::" /tmp/addresses
        [ "$(cat "/proc/sys/net/ipv6/conf/tap-vm-$number/forwarding")" = 1 ]
    done
    [ "$(main_pid tap-vm-1) $(main_pid tap-vm-2)" = "$(paste -s -d ' ' /tmp/pids)" ]
}

# manages N: the manager of the case has given the uplink its address.
manages() {
    ip -6 address show dev uplink0 -tentative | grep -q " 2001:db8:77::$1/64"
}

case_networkd_leaves_links_alone_that_no_file_names() {
    printf '%s\n' '[Match]' 'Name=uplink0' '[Network]' 'Address=2001:db8:77::2/64' >/etc/systemd/network/uplink0.network
    watch
    systemctl start systemd-networkd.service
    until_true 10 manages 2
    systemctl restart systemd-networkd.service
    networkctl reload
    udevadm trigger --action=change --subsystem-match=net --settle
    systemctl daemon-reexec
    undisturbed
}

# Such as that of a cloud image.
case_networkd_takes_the_prefix_away_if_a_file_names_all_links() {
    printf '%s\n' '[Match]' 'Type=ether' '[Network]' 'DHCP=yes' >/etc/systemd/network/all.network
    networkctl reload
    until_true 10 not has_prefix 1
    until_true 10 not has_prefix 2
    systemctl stop systemd-networkd.service systemd-networkd.socket
    ip -6 address add 2001:db8:1::1/64 dev tap-vm-1 nodad
    ip -6 address add 2001:db8:2::1/64 dev tap-vm-2 nodad
    until_true 10 served 1
    until_true 10 served 2
}
has_prefix() {
    ip -6 address show dev "tap-vm-$1" | grep -q " 2001:db8:$1::1/64"
}

case_networkd_with_the_file_of_the_page() {
    watch
    cp /usr/share/doc/autora/examples/systemd-networkd/05-unmanaged.network /etc/systemd/network/
    systemctl start systemd-networkd.service
    follow networkd
    systemctl restart systemd-networkd.service
    undisturbed
    systemctl stop systemd-networkd.service systemd-networkd.socket
    undisturbed
    rm /etc/systemd/network/all.network /etc/systemd/network/05-unmanaged.network
}

case_networkd_that_gives_the_prefix_itself() {
    cp /usr/share/doc/autora/examples/systemd-networkd/static/30-tap-vm-1.network /etc/systemd/network/
    systemctl start systemd-networkd.service
    until_true 10 configured_by_networkd tap-vm-1
    until_true 10 served 1
    watch
    systemctl restart systemd-networkd.service
    until_true 10 configured_by_networkd tap-vm-1
    networkctl reload
    networkctl reconfigure tap-vm-1
    until_true 10 configured_by_networkd tap-vm-1
    undisturbed
    systemctl stop systemd-networkd.service systemd-networkd.socket
    undisturbed
    rm /etc/systemd/network/*
    ip -6 address flush dev uplink0
}
configured_by_networkd() {
    networkctl status "$1" | grep -q 'State: .*(configured)'
}

networkmanager_restarts() {
    systemctl restart NetworkManager.service
    until_true 10 manages 3
    systemctl reload NetworkManager.service
}
networkmanager_is_turned_off_and_on() {
    nmcli networking off
    nmcli networking on
    until_true 10 manages 3
}

case_networkmanager_takes_the_addresses_of_a_tap_when_networking_is_turned_off() {
    printf '%s\n' '[device]' match-device=interface-name:uplink0 managed=1 >/etc/NetworkManager/conf.d/uplink0.conf
    printf '%s\n' '[connection]' id=uplink0 type=ethernet interface-name=uplink0 '[ipv4]' method=disabled \
        '[ipv6]' method=manual address1=2001:db8:77::3/64 >/etc/NetworkManager/system-connections/uplink0.nmconnection
    chmod 600 /etc/NetworkManager/system-connections/uplink0.nmconnection
    watch
    networkmanager_restarts
    undisturbed
    networkmanager_is_turned_off_and_on
    [ -z "$(ip -6 address show dev tap-vm-1)" ]
    has_prefix 2
    systemctl stop NetworkManager.service
    # It comes up again with a link-local address.
    ip link set tap-vm-1 down
    ip link set tap-vm-1 up
    ip -6 address add 2001:db8:1::1/64 dev tap-vm-1 nodad
    until_true 10 served 1
}

case_networkmanager_with_the_file_of_the_page() {
    watch
    systemctl start NetworkManager.service
    follow NetworkManager
    networkmanager_is_turned_off_and_on
    networkmanager_restarts
    undisturbed
    systemctl stop NetworkManager.service
    undisturbed
    rm /etc/NetworkManager/conf.d/uplink0.conf
    ip -6 address flush dev uplink0
}

case_netplan() {
    printf '%s\n' 'network:' '  version: 2' '  ethernets:' '    uplink0:' '      addresses: ["2001:db8:77::5/64"]' \
        >/etc/netplan/uplink0.yaml
    chmod 600 /etc/netplan/uplink0.yaml
    watch
    netplan apply
    until_true 10 manages 5
    netplan apply
    undisturbed
    rm /etc/netplan/uplink0.yaml
    netplan apply
    systemctl stop systemd-networkd.service systemd-networkd.socket
    ip -6 address flush dev uplink0
}

case_ifupdown_leaves_links_alone_that_its_file_does_not_name() {
    printf '%s\n' 'auto uplink0' 'iface uplink0 inet6 static' '    address 2001:db8:77::4/64' \
        >/etc/network/interfaces.d/uplink0
    watch
    systemctl restart networking.service
    until_true 10 manages 4
    systemctl restart networking.service
    undisturbed
}

case_ifupdown_that_gives_the_prefixes_itself() {
    systemctl stop tap.service
    until_true 5 not ip link show dev tap-vm-1
    unplug tap-vm-2
    cp /usr/share/doc/autora/examples/ifupdown/interfaces /etc/network/interfaces.d/taps
    systemctl restart networking.service
    has_prefix 1
    systemd-run --quiet --unit=qemu /autora-tests/inside/tap tap-vm-1 guest g1
    # Its udev rule configures what appears later.
    ip link add tap-vm-2 type veth peer name g2 netns guest
    ip -n guest link set g2 up
    until_true 10 served 1
    until_true 10 served 2
    watch
    systemctl restart networking.service
    undisturbed
    systemctl stop qemu.service
    nothing_failed
}
