//! A router and a guest with one link between them.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::namespace::Namespace;
use super::{Agent, Autora, Capture, Daemon};

/// The router's side of the link, as a virtual machine's host names it.
pub const TAP: &str = "tap-vm-1";

/// Different from that of the guest's side: if both ends of a pair have the same
/// index, the kernel reports carrier changes up to a second later.
pub const TAP_INDEX: u32 = 7;

/// The guest's side.
pub const GUEST: &str = "eth0";

/// The link-local address that the kernel makes of the tap's MAC address.
pub const ROUTER_LL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);

/// The one that the guest's kernel makes.
pub const GUEST_LL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2);

pub const PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0);
pub const OTHER_PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 2, 2, 0, 0, 0, 0);

pub struct Lab {
    pub guest: Namespace,
    pub router: Namespace,
}

impl Lab {
    /// A lab in which the tap meets all requirements.
    pub fn new() -> Self {
        let router = Namespace::new();
        let guest = router.sibling();
        // Duplicate address detection takes one to two seconds; the cases that
        // are about it turn it on again. A guest that does not solicit leaves
        // the solicitations to the case.
        guest.run(
            "cd /proc/sys/net/ipv6/conf/default
             echo 0 >accept_dad; echo 0 >router_solicitations; echo 0 >addr_gen_mode",
        );
        let lab = Self { guest, router };
        lab.router.run(&format!(
            "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
             cd /proc/sys/net/ipv6/conf/default; echo 0 >accept_dad; echo 0 >addr_gen_mode
             {}",
            lab.plug()
        ));
        lab.settle();
        lab
    }

    /// Waits for the addresses of both ends. Even without duplicate address
    /// detection the kernel marks them as valid asynchronously, which takes some
    /// time on a busy machine, and an RA before that is lost.
    pub fn settle(&self) {
        let is_settled =
            |addresses: String| addresses.contains("inet6 fe80:") && !addresses.contains("tentative");
        self.eventually("valid addresses", super::SOON, |lab| {
            is_settled(lab.guest.run(&format!("ip -6 address show dev {GUEST}")))
                && is_settled(lab.router.run(&format!("ip -6 address show dev {TAP}")))
        });
    }

    /// The script that makes the pair, on the router's side.
    pub fn plug(&self) -> String {
        format!(
            "ip link add {TAP} index {TAP_INDEX} address 02:00:00:00:00:01 type veth \
               peer name {GUEST} address 02:00:00:00:00:02 netns {pid}
             echo 1 >/proc/sys/net/ipv6/conf/{TAP}/forwarding
             ip link set {TAP} up
             ip address add 2001:db8:1:1::1/64 dev {TAP} nodad
             nsenter --target={pid} --net ip link set {GUEST} up",
            pid = self.guest.pid()
        )
    }

    pub fn capture(&self) -> Capture {
        Capture::start(&self.guest, GUEST)
    }

    pub fn agent(&self) -> Agent {
        Agent::start(&self.guest, GUEST)
    }

    /// A capture and the daemon, after its first RA.
    pub fn serve(&self, autora: &Autora) -> (Daemon, Capture) {
        let mut capture = self.capture();
        let daemon = autora.start(&self.router);
        let _ = capture.ra_within(super::SOON);
        (daemon, capture)
    }

    /// The guest's address in a prefix, with its valid and preferred lifetime.
    pub fn guest_address(&self, prefix: Ipv6Addr) -> Option<(Ipv6Addr, u64, u64)> {
        let links = self.json(&format!("ip -j -6 address show dev {GUEST}"));
        let addresses = links.as_array()?.iter().find_map(|l| l["addr_info"].as_array())?;
        addresses.iter().find_map(|entry| {
            let address: Ipv6Addr = entry["local"].as_str()?.parse().ok()?;
            let lifetime = |name: &str| entry[name].as_u64();
            (address.segments()[..4] == prefix.segments()[..4]).then_some((
                address,
                lifetime("valid_life_time")?,
                lifetime("preferred_life_time")?,
            ))
        })
    }

    /// The guest's IPv6 routes on the link, as iproute2 shows them.
    pub fn guest_routes(&self) -> Vec<Value> {
        let routes = self.json(&format!("ip -j -6 route show dev {GUEST}"));
        routes.as_array().unwrap().clone()
    }

    pub fn default_route(&self) -> Option<Value> {
        let routes = self.guest_routes();
        routes.into_iter().find(|route| route["dst"] == "default")
    }

    fn json(&self, command: &str) -> Value {
        serde_json::from_str(&self.guest.run(command)).unwrap()
    }

    /// Polls until the condition holds. The guest's kernel processes an RA shortly
    /// after the capture receives it, and neither that nor `ip monitor` shows when
    /// it has finished.
    pub fn eventually(&self, what: &str, within: Duration, condition: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + within;
        while !condition(self) {
            assert!(
                Instant::now() < deadline,
                "not within {within:?}: {what}; the guest and the router have:\n{}\n{}",
                self.guest.run("ip -6 address; ip -6 route"),
                self.router.run("ip -6 address")
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A new directory for one test, whose path is short enough for a socket.
pub fn scratch(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("autora-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir(&path).unwrap();
    path
}
