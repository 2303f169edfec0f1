"""The figures: what each is, its unit, and what autora must reach at which number of interfaces."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    title: str
    unit: str
    limit: float | None = None
    at: int = 1000
    # The plot's name, for a figure that has a plot of its own.
    plot: str = ""


FIGURES = {
    "private_dirty": Figure("private memory (Private_Dirty) per interface", "KiB", 96, plot="memory"),
    "pss": Figure("proportional memory (Pss) per interface", "KiB", 96),
    "private_dirty_later": Figure("private memory per interface after the idle window", "KiB", 96),
    "slab": Figure("kernel memory per interface: slab", "KiB", plot="kernel-slab"),
    "page_tables": Figure("kernel memory per interface: page tables", "KiB", plot="kernel-page-tables"),
    "stack": Figure("kernel memory per interface: stacks", "KiB"),
    "idle_wakeups": Figure("wake-ups a minute and interface, default intervals", "", 4, plot="idle-wakeups"),
    "idle_more": Figure("of these, more than advertisements sent", "", 1),
    "idle_cpu": Figure("CPU per advertisement, default intervals", "µs", plot="idle-cpu"),
    "idle_ratio": Figure("the same, of what radvd's one process uses", "×", 0.5),
    "ra_cpu": Figure("CPU per advertisement, 3 to 4 s apart, the check included", "µs", 150, plot="ra-cpu"),
    "syscalls": Figure("system calls per advertisement", "", at=10),
    "sends": Figure("sends per advertisement", "", 1, at=10),
    "allocations": Figure("allocations per advertisement", "", 0, at=10),
    "event_wakeups": Figure("wake-ups, all processes, per unrelated interface made, changed, deleted", "", 0, plot="events"),
    "event_cpu": Figure("CPU, all processes, for the same", "µs"),
    "check": Figure("eligibility check", "µs", 25, at=4000, plot="check"),
    "first_all": Figure("first advertisement on all, started at once by hand", "s", 1, plot="first"),
    "first_lost": Figure("first advertisements that never came", "", 0),
    "launch_floor": Figure("the launcher alone, empty static processes", "s"),
    "eligible_median": Figure("interface eligible to first advertisement, median", "ms", 5, plot="eligible"),
    "eligible_p99": Figure("interface eligible to first advertisement, 99th percentile", "ms", 20),
    "answer_median": Figure("solicitation to advertisement beyond the random delay, median", "ms", 0.3, plot="answer"),
    "answer_p99": Figure("the same, 99th percentile", "ms", 2),
    "answer_flooded_median": Figure("the same while another interface is flooded, median", "ms", 0.3),
    "answer_flooded_p99": Figure("the same while another interface is flooded, 99th percentile", "ms", 2),
    "answer_lost": Figure("solicitations not answered", "%", 0),
    "flood_cpu": Figure("CPU of the process under 50,000 solicitations a second", "% of a core", 0.1, plot="flood"),
    "flood_ras": Figure("advertisements per 3 s on the flooded interface", "", 1.1),
    "flood_wakeups": Figure("wake-ups a second of the process under the flood", ""),
    "path_icmp": Figure("cost added to an ICMPv6 packet received on another interface", "ns", 100, plot="path"),
    "path_receive": Figure("cost added to a bulk packet received on the own interface", "ns", 50, at=1),
    "path_send": Figure("cost added to a bulk packet sent on the own interface", "ns", 10, at=1),
    "path_noise": Figure("noise of these: the same without any instance", "ns"),
    "many_first": Figure("first advertisements lost of 2000, default neighbour table", "", 0, at=2000),
    "many_final": Figure("final advertisements lost of 2000", "", 0, at=2000),
    "one_booted": Figure("tap made to advertisement, through udev and systemd, others served", "ms", 150),
    "batch_booted": Figure("200 taps in one batch until all are served, through systemd", "s", 4, at=200),
    "batch_ratio": Figure("the same, of a unit with a do-nothing daemon", "×", 1.3, at=200),
    "size": Figure("binary of the package, static", "KiB", 2355, at=1),
}
# Those that have lines for two systems.
BOOTED = ("one_booted", "batch_booted", "batch_ratio")
