#!/bin/bash
# Runs autora as root on a veth pair between two named network namespaces: with
# a pattern that does not match, and with one that does; shows the capture.
#
#   ns-smoke.sh [AUTORA]     the program to try; without it, cargo builds it
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/setup.sh
. "$ROOT/tests/setup.sh"
# shellcheck source=tests/lab/guest.sh
. "$ROOT/tests/lab/guest.sh"

ROUTER=autora-smoke-router-$$
GUEST=autora-smoke-guest-$$
work=
daemon=
tcpdump=
passed=0
failed=0

if [ $# -eq 0 ]; then
    install_tools ip=iproute2 tcpdump=tcpdump
    build_autora
else
    AUTORA=$1
fi
if [ "$(id -u)" -ne 0 ]; then
    as_root bash "$ROOT/tests/ns-smoke.sh" "$AUTORA"
    exit
fi

cleanup() {
    trap - EXIT
    # shellcheck disable=SC2086  # either may be empty
    end $daemon $tcpdump
    ip netns delete "$ROUTER" 2>/dev/null || true
    ip netns delete "$GUEST" 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

router() { ip netns exec "$ROUTER" "$@"; }
guest() { ip netns exec "$GUEST" "$@"; }

check() {
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
    fi
}

captured() { grep -q "$1" "$work/capture"; }
nothing_sent() { ! captured 'router advertisement'; }
has_address() { guest ip -6 address show dev eth0 scope global | grep -q "inet6 ${PREFIX%:}"; }
no_on_link_route() { [ -z "$(on_link_routes)" ]; }

work=$(mktemp -d)
# Where autora publishes its state, instead of the machine's /run.
export RUNTIME_DIRECTORY=$work
ip netns add "$ROUTER"
ip netns add "$GUEST"
make_link "$GUEST"

# tcpdump wants the device up; the carrier comes with the router's end.
guest ip link set eth0 up
# Line by line, so that the file is the event to wait for.
# (A function in the background would be a shell of its own, and get the signals.)
ip netns exec "$GUEST" tcpdump -Z root -i eth0 -l -n -v \
    'icmp6 and (ip6[40] == 133 or ip6[40] == 134)' >"$work/capture" 2>"$work/tcpdump" &
tcpdump=$!
wait_for 10 grep -q 'listening on' "$work/tcpdump" || fail "tcpdump: $(cat "$work/tcpdump")"
router ip link set "$TAP" up

echo "The pattern does not match:"
status=0
router timeout 10 "$AUTORA" --interface "$TAP" --interface-regex '^vnet[0-9]+$' || status=$?
check "it ends with status 78 (configuration refused)" [ "$status" -eq 78 ]
check "the guest's kernel asks for a router" wait_for 10 captured 'router solicitation'
sleep 1 # twice what an answer may take
check "nothing is sent" nothing_sent
check "the guest has no default route" no_default_route

echo "The pattern matches:"
ip netns exec "$ROUTER" \
    "$AUTORA" --interface "$TAP" --interface-regex "$PATTERN" &
daemon=$!
check "a Router Advertisement arrives" wait_for 10 captured 'router advertisement'
check "the guest has an address of the prefix" wait_for 5 has_address
check "the guest has a default route" wait_for 5 has_default_route
check "the guest has no route for the prefix itself" no_on_link_route
guest ip -6 address show dev eth0 scope global
guest ip -6 route show

echo "It is stopped:"
kill -TERM "$daemon"
check "the default route is withdrawn" wait_for 6 no_default_route
status=0
wait "$daemon" || status=$?
daemon=
check "it ends with status 0" [ "$status" -eq 0 ]

echo "What the guest's end of the link has seen:"
sed 's/^/    /' "$work/capture"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
