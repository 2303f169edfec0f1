"""What a guest has of the network, moment by moment: its addresses and its default routers."""

import ipaddress
import json
import time
from dataclasses import dataclass

from scenarios.stage import inside, say

# include/uapi/linux/if_addr.h
DADFAILED, DEPRECATED, TENTATIVE = 0x08, 0x20, 0x40
PERIOD = 0.02


@dataclass(frozen=True)
class State:
    """addresses: pairs of an address and "preferred", "deprecated" or "tentative"."""

    addresses: frozenset = frozenset()
    routers: frozenset = frozenset()

    def of(self, prefix):
        return [kind for address, kind in self.addresses if inside(address, prefix)]

    def has(self, prefix):
        return "preferred" in self.of(prefix)

    def deprecates(self, prefix):
        """Nothing of it is used for new connections."""
        return self.of(prefix) and set(self.of(prefix)) == {"deprecated"}

    def usable(self):
        """The kinds of its addresses beyond the link that can be used."""
        beyond = [kind for address, kind in self.addresses if not ipaddress.IPv6Address(address).is_link_local]
        return {kind for kind in beyond if kind != "tentative"}


def _address(digits):
    return str(ipaddress.IPv6Address(bytes.fromhex(digits)))


def kernel(namespace, ifname):
    """The state of a guest whose addresses and routes are its kernel's, whoever put them there."""
    addresses, routers = set(), set()
    with namespace:
        with open("/proc/thread-self/net/if_inet6", encoding="ascii") as file:
            for line in file:
                digits, _, _, _, flags, name = line.split()
                flags = int(flags, 16)
                if name == ifname and not flags & DADFAILED:
                    kind = "tentative" if flags & TENTATIVE else "deprecated" if flags & DEPRECATED else "preferred"
                    addresses.add((_address(digits), kind))
        with open("/proc/thread-self/net/ipv6_route", encoding="ascii") as file:
            for line in file:
                _, length, _, _, router, *_, name = line.split()
                if name == ifname and length == "00":
                    routers.add(_address(router))
    return State(frozenset(addresses), frozenset(routers))


def printed(text):
    """The state that a program has printed last, as a line of JSON."""
    lines = [line for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
    if not lines:
        return State()
    found = json.loads(lines[-1])
    addresses = {(str(ipaddress.IPv6Address(a)), kind) for a, kind in found["addresses"].items()}
    return State(frozenset(addresses), frozenset(str(ipaddress.IPv6Address(r)) for r in found["routers"]))


class Watch:
    """Looks at a guest many times a second and remembers each change, with its time on the wall clock."""

    def __init__(self, look):
        self._look = look
        self.changes = []
        self.look()

    def look(self):
        state, now = self._look(), time.time()
        if not self.changes or state != self.changes[-1][1]:
            self.changes.append((now, state))
            kinds = ", ".join(f"{a} {k}" for a, k in sorted(state.addresses))
            say(f"    [{kinds}] via {sorted(state.routers)}")
        return state

    def until(self, wanted, timeout):
        """Whether it became so in time."""
        deadline = time.monotonic() + timeout
        while not wanted(self.look()):
            if time.monotonic() > deadline:
                return False
            time.sleep(PERIOD)
        return True

    def listen(self, seconds):
        self.until(lambda _: False, seconds)

    def first(self, wanted, since):
        """Seconds from then until it was so for the first time; None if it never was."""
        before = [state for when, state in self.changes if when <= since][-1:]
        if before and wanted(before[0]):
            return 0.0
        return next((when - since for when, state in self.changes if when > since and wanted(state)), None)

    def seconds(self, wanted, since, until=None):
        """For how long it was so since then."""
        until = until or time.time()
        ends = [when for when, _ in self.changes[1:]] + [until]
        spans = [(max(when, since), min(end, until)) for (when, state), end in zip(self.changes, ends) if wanted(state)]
        return sum((end - begin for begin, end in spans if end > begin), 0.0)
