"""docs/guests.md, made of what the rows measured."""

import os

from guests.course import KEPT, Guest

HEAD = """# Guests

What guests of many kinds make of autora with its default settings, in seconds. `tests/guests/run.sh --write` measured it
and wrote this page, on Linux {kernel}; the regular tests repeat the quick rows. Expect other figures on a busy machine.

Each guest is behind a cable that can be pulled, with duplicate address detection on both sides, and answers a host
beyond its router at every step.

- **address**, **route**: from the moment when the guest starts and the cable is plugged in, until it can use an
  address in the /64, and has a default route through the host's link-local address. A guest that does not listen yet
  when the first advertisement goes out gets the next one 3 s later.
- **on-link**: whether it takes the /64 for on-link, although the advertisement says that it is not. Then it does not
  reach an address of it that lies behind the host.
- **add, del**: another /64 is added to the host's tap, and the old one deleted: until the guest can use an address in
  the new one / until that in the old one is deprecated / how long it had only a deprecated one, which still works /
  how long it had none at all. **del, add**: the same in the other order.
- **forwarding**: from 0 on the host until the route is gone / from 1 until it is back.
- **stop**: of autora, until the route is gone / from its start until it is back. An advertisement is sent 3 s after
  the last one at the earliest (RFC 4861, 6.2.6), which most of these figures show.
- **restart** (as `systemctl restart autora`), **crash** (SIGKILL, and started again): whether the route and the addresses
  stayed.
- **carrier**: the cable is pulled for 2 s: from its return until address and route are there again, or "{kept}" if
  they were never gone.

| guest | version | address | route | on-link | add, del | del, add | forwarding | stop | restart | crash | carrier |
|---|---|---|---|---|---|---|---|---|---|---|---|
"""

NOTES = """
UEFI's shell and GRUB run in an emulated QEMU, tell their state once or twice in two seconds, and say nothing of
deprecated addresses; GRUB never takes a route back. smoltcp knows no deprecated addresses, and has room for one prefix
unless it is built for more: it keeps the first one for its whole valid lifetime. NetworkManager takes its addresses
away and adds them again when another one joins them, so that it has none that has passed duplicate address detection
for a second or two.

## What no host can change

Each is shown by a test, with what makes it right:

"""


def seconds(value):
    return f"{value:.1f}" if isinstance(value, float) else value


def group(cells, *names):
    return " / ".join(seconds(cells[name]) if name in cells else "?" for name in names)


def line(row):
    cells = row["cells"]
    columns = [row["name"], row["version"], group(cells, "address"), group(cells, "route"), group(cells, "behind")]
    columns += [group(cells, *(f"{order}_{what}" for what in ("new", "old", "only", "none"))) for order in ("add", "del")]
    columns += [group(cells, "forwarding_0", "forwarding_1"), group(cells, "stop", "start")]
    columns += [group(cells, name) for name in ("restart", "crash", "carrier")]
    return f"| {' | '.join(columns)} |"


def write(path, rows, titles):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(HEAD.format(kernel=Guest("").version(), kept=KEPT))
        file.writelines(line(row) + "\n" for row in rows)
        file.write(NOTES)
        file.writelines(f"- {title}\n" for title in titles)
