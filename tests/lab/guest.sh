# shellcheck shell=bash
# What ns-smoke.sh and demo.sh share: a router and a guest in network namespaces, and the link between them.
# Each defines router and guest, which run a command in the one or the other.
# shellcheck disable=SC2034  # its readers use what is set here

TAP=tap-vm-1
PATTERN='^tap-vm-[0-9]+$'
PREFIX=2001:db8:1:1::

# Sets AUTORA to the program that cargo builds of this tree.
build_autora() {
    need_rust cargo
    (cd "$ROOT" && cargo build --locked --quiet)
    AUTORA=${CARGO_TARGET_DIR:-$ROOT/target}/debug/autora
}

# end PID... ends these processes of ours.
end() {
    local pid
    for pid; do
        if kill "$pid" 2>/dev/null; then
            wait "$pid" 2>/dev/null || true
        fi
    done
}

# make_link NETNS makes the link to the guest's namespace (a name or a process); both ends are down.
make_link() {
    router ip link set lo up
    guest ip link set lo up
    router ip link add "$TAP" type veth peer name eth0 netns "$1"
    router sysctl -qw "net.ipv6.conf.all.forwarding=1"
    router ip address add "${PREFIX}1/64" dev "$TAP"
}

has_default_route() { guest ip -6 route show default | grep -q 'via fe80::.* proto ra'; }
no_default_route() { ! has_default_route; }
on_link_routes() { guest ip -6 route show dev eth0 | grep "^$PREFIX/64" || true; }
