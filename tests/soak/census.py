"""How much there is of what could grow: in one network namespace, in this process, on the host."""

import os


def lines(namespace, path):
    # /proc/self would be the main thread's view; this one's is the namespace that it has entered.
    with namespace, open(f"/proc/thread-self/net/{path}", encoding="ascii") as file:
        return sum(1 for _ in file)


def sockets(namespace):
    """The sockets of a namespace that have no file of their own here."""
    with namespace, open("/proc/thread-self/net/sockstat6", encoding="ascii") as file:
        return sum(int(line.split()[2]) for line in file)


def processes(namespace):
    """Those that live in the namespace, this one aside."""
    wanted = os.stat(namespace.path).st_ino
    found = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += os.stat(f"/proc/{pid}/ns/net").st_ino == wanted
        except OSError:  # it has ended, or is a zombie
            pass
    return found


def children():
    """Of this process, zombies included."""
    with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
        return len(file.read().split())


def count(namespace):
    """Everything that has to be the same before and after."""
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),
        "child processes": children(),
        "processes in the namespace": processes(namespace),
        "packet sockets": lines(namespace, "packet"),
        "packet handlers": lines(namespace, "ptype"),
        "netlink sockets": lines(namespace, "netlink"),
        "IPv6 sockets": sockets(namespace),
        "IPv6 multicast memberships": lines(namespace, "igmp6"),
        "link-layer multicast memberships": lines(namespace, "dev_mcast"),
        "IPv6 addresses": lines(namespace, "if_inet6"),
        "IPv6 routes": lines(namespace, "ipv6_route"),
        "interfaces": lines(namespace, "dev"),
        "neighbours": len(namespace.ip("neigh show nud all").splitlines()),
    }


def unreclaimable_kib():
    """The kernel's memory for its objects that it cannot give back."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("SUnreclaim"))
