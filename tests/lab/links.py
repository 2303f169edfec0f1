"""A router and its guest: two network namespaces and a veth pair, gone with the process that made them."""

import time

from lab.capture import Capture, Sender
from lab.codec import link_local
from lab.namespace import Namespace

ROUTER_MAC = "02:00:5e:00:01:01"
GUEST_MAC = "02:00:5e:00:02:02"
PREFIX = "2001:db8:1::"
OTHER_PREFIX = "2001:db8:2::"


class Link:
    """One veth pair: `ifname` in the router's namespace, `peer` in the guest's."""

    def __init__(self, lab, ifname="tap-cf0", peer="guest0", mac=ROUTER_MAC, guest_mac=GUEST_MAC):
        self.lab, self.ifname, self.peer, self.mac, self.guest_mac = lab, ifname, peer, mac, guest_mac
        self.ll, self.guest_ll = link_local(mac), link_local(guest_mac)
        self.create()

    def create(self, index=None):
        """Make the pair (again).  Both ends are down; the capture of an older pair is of no more use."""
        number = f"index {index} " if index else ""
        self.lab.router.ip(
            f"link add name {self.ifname} {number}address {self.mac} type veth "
            f"peer name {self.peer} address {self.guest_mac} netns {self.lab.guest.path}"
        )
        self.capture = Capture(self.lab.guest, self.peer)
        self.sender = Sender(self.lab.guest, self.peer, self.guest_mac)

    def up(self, router=True, guest=True):
        if guest:
            self.lab.guest.ip(f"link set {self.peer} up")
        if router:
            self.lab.router.ip(f"link set {self.ifname} up")

    def guest_down(self):
        self.lab.guest.ip(f"link set {self.peer} down")

    def guest_up(self):
        self.lab.guest.ip(f"link set {self.peer} up")

    def delete(self):
        self.lab.router.ip(f"link del {self.ifname}")

    def address(self, prefix=PREFIX, host="1", how="nodad", valid="forever", preferred="forever"):
        self.lab.router.ip(f"addr add {prefix}{host}/64 dev {self.ifname} {how} valid_lft {valid} preferred_lft {preferred}")

    def no_address(self, prefix=PREFIX, host="1"):
        self.lab.router.ip(f"addr del {prefix}{host}/64 dev {self.ifname}")

    def conf(self, name, value):
        self.lab.router.sysctl(f"conf/{self.ifname}/{name}", value)

    @property
    def index(self):
        return self.lab.router.ip_json("link", "show", "dev", self.ifname)[0]["ifindex"]

    def addresses(self):
        shown = self.lab.router.ip_json("addr", "show", "dev", self.ifname)
        return [a for a in shown[0]["addr_info"] if a] if shown else []

    def await_running(self, timeout=10.0):
        """Until both ends can send: news of a carrier takes up to a second, and until then a queue drops all."""
        deadline = time.monotonic() + timeout
        ends = ((self.lab.router, self.ifname), (self.lab.guest, self.peer))
        while any(ns.ip_json("link", "show", "dev", name)[0]["operstate"] != "UP" for ns, name in ends):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.ifname} and {self.peer} are not running after {timeout} s")
            time.sleep(0.02)

    def await_link_local(self, timeout=5.0):
        """Until the router's own link-local address has passed duplicate address detection."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for found in self.addresses():
                if found.get("scope") == "link" and not found.get("tentative"):
                    return found["local"]
            time.sleep(0.02)
        raise RuntimeError(f"{self.ifname} got no valid link-local address in {timeout} s")


class Lab:
    """The two namespaces and, unless told otherwise, one link that is ready to be served."""

    def __init__(self, dad=False, link=True):
        self.router, self.guest = Namespace(), Namespace()
        # A guest whose own kernel stays quiet: each solicitation on the link is the case's own.
        for name, value in (("accept_ra", 0), ("router_solicitations", 0), ("accept_dad", 0), ("autoconf", 0)):
            self.guest.sysctl(f"conf/default/{name}", value)
        self.router.sysctl("conf/default/accept_ra", 0)
        self.router.sysctl("conf/default/router_solicitations", 0)
        self.router.sysctl("conf/default/accept_dad", int(dad))
        # EUI-64 link-local addresses, so that the cases know them.
        for namespace in (self.router, self.guest):
            namespace.sysctl("conf/default/addr_gen_mode", 0)
            namespace.ip("link set lo up")
        self.router.sysctl("conf/all/forwarding", 1)
        self.links = []
        if link:
            self.add_link()

    def add_link(self, ready=True, prefix=PREFIX, **how):
        link = Link(self, **how)
        self.links.append(link)
        link.conf("forwarding", 1)
        if ready:
            link.up()
            link.address(prefix)
            link.await_link_local()
        return link

    @property
    def link(self):
        return self.links[0]
