# shellcheck shell=bash
# The commands of README.md, typed word for word by somebody who has a host and the package.

# block HEADING NUMBER: the commands of that block below the heading, in the README that the package has.
block() {
    zcat --force /usr/share/doc/autora/README.md* |
        awk -v heading="## $1" -v number="$2" '/^## / && !code { on = $0 == heading; count = 0 }
            /^```/ { code = !code; count += code; next } on && code && count == number' >/tmp/block
    [ -s /tmp/block ] || fail "the README has no block $2 below $1"
    cat /tmp/block
}

follow() {
    block "$@" >/dev/null
    bash -eux /tmp/block
}

has_default_route() {
    ip -6 route show default proto ra dev eth0 | grep -q .
}
has_no_default_route() {
    not has_default_route
}

# A router on the host's uplink advertises to it.
case_the_installation() {
    ip netns add provider
    ip link add eth0 type veth peer name p0 netns provider
    ip netns exec provider sysctl -w net.ipv6.conf.all.forwarding=1
    ip -n provider address add 2001:db8:ffff::1/64 dev p0 nodad
    ip -n provider link set p0 up
    ip link set eth0 up
    block Installation 2 >/dev/null
    (cd /autora-debs && bash -eux /tmp/block)
    systemd-run --quiet --unit=provider -p NetworkNamespacePath=/run/netns/provider \
        autora --interface p0 --interface-regex '^p0$'
    until_true 20 has_default_route
}

# What the README warns of: without the line, a host that begins to forward loses its route.
case_a_host_that_forwards_loses_its_route() {
    sysctl -w net.ipv6.conf.all.forwarding=1
    until_true 5 has_no_default_route
    sysctl -w net.ipv6.conf.all.forwarding=0
    systemctl kill --signal=TERM provider
    until_true 10 not systemctl is-active --quiet provider
    systemd-run --quiet --unit=provider-again -p NetworkNamespacePath=/run/netns/provider \
        autora --interface p0 --interface-regex '^p0$'
    until_true 20 has_default_route
}

case_a_first_guest() {
    follow 'A first guest' 1
    follow 'A first guest' 2
    follow 'A first guest' 3
    until_true 30 online
    follow 'A first guest' 4 >/tmp/seen
    grep -q 'Active: active (running)' /tmp/seen
    # The host has its own route still, and listens: it hears that its router stops.
    has_default_route
    systemctl kill --signal=TERM provider-again
    until_true 10 has_no_default_route
}

# As the README's own commands show it.
online() {
    block 'A first guest' 4 | head -n 2 | bash -eu >/tmp/seen
    grep -q 'inet6 2001:db8:1:.* dynamic' /tmp/seen && not grep -q 'tentative' /tmp/seen &&
        grep -q '^default via fe80::.* proto ra' /tmp/seen
}

case_the_end_of_the_guest_is_the_end_of_the_instance() {
    ip netns delete vm-1
    until_true 10 no_instance_left
    nothing_failed
}
