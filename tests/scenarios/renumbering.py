"""Renumbering (RFC 4192): what becomes of a running TCP connection, and what new ones use."""

import os
import re
import sys
import time

from lab.links import OTHER_PREFIX, PREFIX
from scenarios.stage import HERE, STABLE, check, configured, host_and_guest, inside, say, scenario, wait

ECHO = os.path.join(HERE, "echo.py")


def talk(guest, destination, log, source="-"):
    client = guest.start(sys.executable, ECHO, "talk", source, destination, log=log)
    client.says("answered")
    return client


def connected_from(client):
    return re.search(r"connected from (\S+)", client.text())[1]


def last_answer(client):
    return float(re.findall(r"answered (\S+)", client.text())[-1])


def longest_pause(client):
    times = [float(t) for t in re.findall(r"answered (\S+)", client.text())]
    return max((b - a for a, b in zip(times, times[1:])), default=0)


def guest_follows(guest, connection, old, since):
    """The old address is deprecated and valid, the new one preferred; connections as RFC 6724, rule 3, says."""
    (new,) = wait("the guest has an address in the new prefix", lambda: guest.slaac("eth0", OTHER_PREFIX), 12)
    wait(
        "the guest's old address is deprecated",
        lambda: [a for a in guest.slaac("eth0", PREFIX) if a.get("deprecated") and a["preferred_life_time"] == 0],
        12,
    )
    say(f"  the guest followed {time.time() - since:.1f} s after the change")
    check(not new.get("deprecated") and new["preferred_life_time"] > 0, f"the new address: {new}")
    check(len(guest.default_routes()) == 1, f"default routes: {guest.default_routes()}")
    for attempt in range(3):
        fresh = talk(guest, STABLE, f"fresh{attempt}")
        check(inside(connected_from(fresh), OTHER_PREFIX), f"a new connection comes from {connected_from(fresh)}")
    lives = connection.alive() and time.time() - last_answer(connection) < 1
    check(lives, f"the running connection: {connection.text()[-200:]}")
    check(longest_pause(connection) < 1.0, f"the running connection paused for {longest_pause(connection):.2f} s")
    check(connected_from(connection) == old["local"], "it is another connection")
    return fresh


def until(ends, connection, fresh):
    """The connection worked until then and not longer; the one over the new prefix goes on."""
    wait("the connection over the old prefix has ended", lambda: not connection.alive(), 8)
    late = last_answer(connection) - ends
    say(f"  its last answer came {late:+.1f} s from the end of the lifetime")
    check(-2.5 < late < 2.5, f"the last answer came {late:+.1f} s from then")
    check(fresh.alive() and time.time() - last_answer(fresh) < 1, f"a connection over the new prefix: {fresh.text()[-200:]}")


@scenario("renumber-graceful", 2, "deprecated beside a new one: the connection lives as long as the old address is valid", 50)
def renumber_graceful():
    host, guest = host_and_guest()
    host.start(sys.executable, ECHO, "serve", log="echo").says("serving")
    host.autora("tap-vm-1", pio_valid_lifetime="30s", pio_preferred_lifetime="20s")
    old = configured(guest, "eth0", PREFIX)
    # To the host's own address in the old prefix: both ends of it are old.
    connection = talk(guest, f"{PREFIX}1", "old")
    check(connected_from(connection) == old["local"], f"it comes from {connected_from(connection)}")
    changed = time.time()
    host.ip(
        f"addr add {OTHER_PREFIX}1/64 dev tap-vm-1 nodad",
        f"addr change {PREFIX}1/64 dev tap-vm-1 valid_lft 25 preferred_lft 0",
        # Linux (6.18 for one) loses an address's own route when a finite lifetime is given to it later:
        # modify_prefix_route() takes the time left for a point in time, long past.
        f"route add {PREFIX}/64 dev tap-vm-1 metric 2048",
    )
    fresh = guest_follows(guest, connection, old, changed)
    wait("the host's old address is gone", lambda: not host.addresses("tap-vm-1", PREFIX), 30, every=0.1)
    until(time.time(), connection, fresh)
    wait("the guest's old address is gone", lambda: not guest.slaac("eth0", PREFIX), 15)
    check(len(guest.slaac("eth0", OTHER_PREFIX)) == 1, f"addresses {guest.addresses('eth0')}")


@scenario("renumber-rude", 2, "the old address replaced: it is deprecated in the guest, and the connection lives on", 60)
def renumber_rude():
    host, guest = host_and_guest()
    host.start(sys.executable, ECHO, "serve", log="echo").says("serving")
    host.autora("tap-vm-1", pio_valid_lifetime="30s", pio_preferred_lifetime="20s")
    old = configured(guest, "eth0", PREFIX)
    # To an address of the host that stays; only the guest's end is old.
    connection = talk(guest, STABLE, "old")
    check(connected_from(connection) == old["local"], f"it comes from {connected_from(connection)}")
    changed = time.time()
    host.ip(
        # The address takes its route with it; what the guest still uses needs one.
        f"route add {PREFIX}/64 dev tap-vm-1 metric 2048",
        f"addr add {OTHER_PREFIX}1/64 dev tap-vm-1 nodad",
        f"addr del {PREFIX}1/64 dev tap-vm-1",
    )
    fresh = guest_follows(guest, connection, old, changed)
    wait("the old address's valid lifetime has ended in the guest", lambda: not guest.slaac("eth0", PREFIX), 35)
    until(time.time(), connection, fresh)


@scenario("renumber-unhurried", 2, "deprecated with no end in sight, as long as the operator likes, then removed", 40)
def renumber_unhurried():
    host, guest = host_and_guest()
    host.start(sys.executable, ECHO, "serve", log="echo").says("serving")
    host.autora("tap-vm-1", pio_valid_lifetime="12s", pio_preferred_lifetime="10s")
    old = configured(guest, "eth0", PREFIX)
    connection = talk(guest, f"{PREFIX}1", "old")
    changed = time.time()
    host.ip(f"addr add {OTHER_PREFIX}1/64 dev tap-vm-1 nodad", f"addr change {PREFIX}1/64 dev tap-vm-1 preferred_lft 0")
    fresh = guest_follows(guest, connection, old, changed)
    # Past the valid lifetime of what was advertised before the change: only renewals can have kept it.
    wait("the first valid lifetime is long over", lambda: time.time() > changed + 20, 25)
    (kept,) = guest.slaac("eth0", PREFIX)
    check(kept["local"] == old["local"] and kept.get("deprecated"), f"the old address: {kept}")
    check(connection.alive() and longest_pause(connection) < 1.0, f"the running connection: {connection.text()[-200:]}")
    host.ip(f"addr del {PREFIX}1/64 dev tap-vm-1")
    until(time.time(), connection, fresh)
    wait("the guest's old address is gone", lambda: not guest.slaac("eth0", PREFIX), 15)
