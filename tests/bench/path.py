"""What instances cost packets that are none of theirs, and bulk packets of their own interface."""

import statistics
import time

from bench import build, start
from bench.contenders import AUTORA
from bench.field import guest, mac, prefix, tap
from lab import codec

ROUNDS, FRAMES = 30, 2000
# Routed to nowhere: it is received, looked up and dropped, without an answer.
NOWHERE = "2001:db8:ffff::"


def blast(namespace, ifname, frame, quick):
    """Nanoseconds per frame: the median of many short rounds, which a busy machine disturbs only now and then."""
    out = namespace.run(build.tool("blast"), ifname, frame.hex(), str(8 if quick else ROUNDS), str(FRAMES))
    return statistics.median(map(float, out.split()))


def bulk(sender, receiver, destination):
    """A full-size UDP packet."""
    payload = codec.ipv6(f"{prefix(0)}2", destination, bytes(1400), next_header=17, hop_limit=64)
    return codec.frame(sender, receiver, payload)


def echo(number):
    """An echo reply that nobody waits for: the host shows it to every ICMPv6 socket, and drops it."""
    src, dst = f"{prefix(number)}2", f"{prefix(number)}1"
    packet = codec.ipv6(src, dst, codec.icmp(src, dst, 129, 0, bytes(60)), hop_limit=64)
    return codec.frame(mac(number, 2), mac(number, 1), packet)


def added(stage, count, probe, pairs):
    """Differences with and without `count` instances, taken in turn; and differences without any."""
    costs, noise = [], []
    for _ in range(pairs):
        before = probe()
        with stage.started(count=count) as herd:
            stage.await_first(herd, count)
            during = probe()
        after = probe()
        costs.append(during - (before + after) / 2)
        noise.append(after - before)
    return costs, noise


def measure(stage, counts):
    """The field is larger than the number of instances by one at least: the last interface is a stranger's."""
    field, quick = stage.field, stage.quick
    field.host.ip(f"route add blackhole {NOWHERE}/48")
    stranger = field.size - 1
    receive = bulk(mac(0, 2), mac(0, 1), f"{NOWHERE}1")
    send = bulk(mac(0, 1), mac(0, 2), f"{prefix(0)}2")
    probes = {
        "path_icmp": (counts, lambda: blast(field.guests, guest(stranger), echo(stranger), quick)),
        "path_receive": (counts[:1], lambda: blast(field.guests, guest(0), receive, quick)),
        "path_send": (counts[:1], lambda: blast(field.host, tap(0), send, quick)),
    }
    for key, (sizes, probe) in probes.items():
        for count in sizes:
            stage.say(f"{key} with {count}")
            costs, noise = added(stage, count, probe, 2 if quick or count > 1000 else 9 if count == 1 else 5)
            stage.results.add(key, stage.contender.name, count, costs)
            if stage.contender is AUTORA:
                stage.results.add("path_noise", "autora", count, noise)


def many(stage, count):
    """First and final advertisements of very many interfaces: none is lost."""
    results = stage.results
    with stage.started(count=count) as herd:
        first = stage.await_first(herd, count)
        results.add("many_first", stage.contender.name, count, count - len(first))
        results.add("first_all", stage.contender.name, count, max(first.values()) - herd.begin)
        time.sleep(1.0)
        start.private(results, stage.contender.name, count, herd)
        herd.terminate()
        begin = herd.begin

        def final():
            return stage.ears.first_by_guest(begin, lambda lifetime: lifetime == 0)

        stage.ears.wait_for(lambda: len(final()) == count, 15)
        results.add("many_final", stage.contender.name, count, count - len(final()))
