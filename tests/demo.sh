#!/bin/bash
# Shows autora at work: makes a guest behind a link, serves it, and prints what
# the guest's kernel configured. Everything happens in network namespaces of its
# own, which vanish with this script; the machine's network is not touched.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/setup.sh
. "$ROOT/tests/setup.sh"
# shellcheck source=tests/lab/guest.sh
. "$ROOT/tests/lab/guest.sh"

prepare() {
    install_tools ip=iproute2 unshare=util-linux jq=jq ping=iputils-ping sysctl=procps
    echo "Building autora (cargo)"
    build_autora
}

# Starts this script again inside a new network namespace, and a mount namespace for a /run of its own.
enter() {
    local again=(bash "$ROOT/tests/demo.sh" --inside "$AUTORA")
    if [ "$(id -u)" -eq 0 ]; then
        exec unshare --mount --net "${again[@]}"
    elif unshare --user --map-root-user --mount --net ip link set lo up 2>/dev/null; then
        exec unshare --user --map-root-user --mount --net "${again[@]}"
    fi
    echo "User namespaces are not allowed here, so the demonstration needs root."
    as_root unshare --mount --net "${again[@]}"
    exit
}

step() { printf '\n\033[1m%s\033[0m\n' "$*"; }
say() { printf '    %s\n' "$*"; }

stop() {
    trap - EXIT
    # shellcheck disable=SC2086  # either may be empty
    end ${daemon:-} ${guest_holder:-}
    [ -z "${log:-}" ] || rm -f "$log"
}

router() { "$@"; }
guest() { nsenter --target="$guest_holder" --net -- "$@"; }

has_own_namespace() {
    [ "$(readlink "/proc/$1/ns/net")" != "$(readlink "/proc/$$/ns/net")" ]
}

make_guest() {
    mount -t tmpfs tmpfs /run
    unshare --net sleep infinity &
    guest_holder=$!
    wait_for 5 has_own_namespace "$guest_holder" || fail "no namespace for the guest"
    make_link "$guest_holder"
    ip link set "$TAP" up
    guest ip link set eth0 up
}

# An address counts once duplicate address detection is over: before that the guest cannot use it.
guest_addresses() {
    guest ip -j -6 address show dev eth0 scope global -tentative |
        jq -r '.[].addr_info[]? | select(.local) |
            "\(.local)/\(.prefixlen)  valid \(.valid_life_time) s, preferred \(.preferred_life_time) s"'
}

guest_default_route() {
    guest ip -j -6 route show default |
        jq -r '.[] | "via \(.gateway), expires in \(.expires) s"'
}

is_configured() {
    [ -n "$(guest_addresses)" ] && [ -n "$(guest_default_route)" ]
}

inside() {
    AUTORA=$1
    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM

    step "1. A router and a guest, each in a network namespace, and a link between them"
    make_guest
    say "router  $TAP  ${PREFIX}1/64, forwarding on"
    say "guest   eth0      up, with nothing configured"

    step "2. The router serves the link"
    say "autora --interface $TAP --interface-regex '$PATTERN'"
    log=$(mktemp)
    "$AUTORA" --interface "$TAP" --interface-regex "$PATTERN" 2>"$log" &
    daemon=$!
    local configured=yes
    wait_for 20 is_configured || configured=no
    sed 's/^/    | /' "$log"
    [ "$configured" = yes ] || fail "the guest configured nothing within 20 s"

    step "3. What it says of itself"
    say "autora status"
    "$AUTORA" status | sed 's/^/    | /'

    step "4. What the guest's kernel made of the Router Advertisement"
    say "address        $(guest_addresses)"
    say "default route  $(guest_default_route)"
    local on_link
    on_link=$(on_link_routes)
    say "route to the prefix itself: ${on_link:-none, all traffic goes through the router}"
    if wait_for 5 guest ping -6 -q -c 1 -W 1 "${PREFIX}1" >/dev/null; then
        say "ping to ${PREFIX}1: answered"
    else
        fail "the guest cannot reach ${PREFIX}1"
    fi

    step "5. The router stops (SIGTERM) and takes its default route back"
    kill -TERM "$daemon"
    wait_for 10 no_default_route || fail "the default route is still there"
    say "default route  none"
    say "address        $(guest_addresses)"
    wait "$daemon" || fail "autora ended with status $?"
    daemon=

    step "Done; the namespaces are gone with this script."
}

if [ "${1:-}" = --inside ]; then
    inside "$2"
else
    prepare
    enter
fi
