//! What all interfaces of this host share: forwarding, and the default route.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use autora_core::interface_name::IfName;
use autora_core::link::Ipv6Settings;

use super::finding::Finding;
use crate::advice::shell;
use crate::kernel::interfaces;
use crate::kernel::rtnetlink::Reader;
use crate::kernel::rtnetlink::lookup::{Route, route_to};

/// `RTPROT_RA`: made from a Router Advertisement, by whoever reads those.
const RTPROT_RA: u8 = 9;

/// What was read of the host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// `net.ipv6.conf.all.forwarding`; `None` without IPv6.
    pub forwarding: Option<i32>,
    /// The interface of its IPv6 default route.
    pub uplink: Option<Uplink>,
    /// Without a default route: interfaces that are no guests', hear Router
    /// Advertisements and would take a default route from them.
    pub lost: Vec<Uplink>,
}

/// An interface that a default route may go out of.
#[derive(Clone, Debug)]
pub(super) struct Uplink {
    /// Its name.
    pub name: IfName,
    /// Whether the default route comes from a Router Advertisement.
    pub by_advertisement: bool,
    /// Its settings, if IPv6 runs on it.
    pub ipv6: Option<Ipv6Settings>,
}

impl Uplink {
    /// Whether the kernel disregards the advertisements that it was told to
    /// take, because it forwards. Who reads them in user space, as
    /// systemd-networkd does, sets `accept_ra` to 0.
    fn goes_deaf(&self, forwarding: i32) -> bool {
        forwarding != 0 && self.ipv6.is_some_and(|ipv6| ipv6.accept_ra == 1)
    }

    fn is_deaf(&self) -> bool {
        self.goes_deaf(self.ipv6.map_or(0, |ipv6| ipv6.forwarding))
    }

    fn accept(&self) -> String {
        format!("{}=2", shell::sysctl_key(&self.name, "accept_ra"))
    }
}

impl Host {
    /// Reads it; `is_guests` tells the interfaces that cannot be uplinks.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub(super) fn read(is_guests: impl Fn(&IfName) -> bool) -> io::Result<Self> {
        let all = fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding");
        let uplink = route_to(Ipv6Addr::UNSPECIFIED)?.as_ref().and_then(uplink);
        let lost = match uplink {
            Some(_) => Vec::new(),
            None => interfaces::all()
                .unwrap_or_default()
                .into_iter()
                .filter(|(_, name)| !is_guests(name) && heard_advertisements(name))
                .filter_map(|(ifindex, _)| described(ifindex, true))
                .filter(Uplink::is_deaf)
                .collect(),
        };
        Ok(Self {
            forwarding: all.ok().and_then(|text| text.trim().parse().ok()),
            uplink,
            lost,
        })
    }

    /// How it stands with the host.
    #[must_use]
    pub(super) fn findings(&self) -> Vec<Finding> {
        vec![self.forwards(), self.default_route()]
    }

    fn forwards(&self) -> Finding {
        const FORWARDS: &str = "forwarding";
        match self.forwarding {
            None => Finding::missed(FORWARDS, "the kernel runs no IPv6 (no /proc/sys/net/ipv6)"),
            Some(0) => {
                let found = "net.ipv6.conf.all.forwarding is 0: guests get addresses and a default route, \
                             and this host drops what they send";
                // In this order: what comes first keeps the default route alive.
                let deaf = self
                    .uplink
                    .as_ref()
                    .filter(|up| up.by_advertisement && up.goes_deaf(1));
                let first = deaf.map_or_else(String::new, |up| format!("{} ", up.accept()));
                Finding::warning(FORWARDS, found)
                    .fixed_by(format!("sysctl -w {first}net.ipv6.conf.all.forwarding=1"))
            }
            Some(value) => Finding::met(FORWARDS, format!("net.ipv6.conf.all.forwarding is {value}")),
        }
    }

    fn default_route(&self) -> Finding {
        const DEFAULT_ROUTE: &str = "default route";
        match (&self.uplink, &self.lost[..]) {
            (Some(up), _) if up.by_advertisement && up.is_deaf() => {
                let found = format!(
                    "the default route out of {} comes from Router Advertisements, and accept_ra is 1, which \
                     a host that forwards takes for 0: it will lose that route",
                    up.name
                );
                Finding::warning(DEFAULT_ROUTE, found).fixed_by(format!("sysctl -w {}", up.accept()))
            }
            (Some(up), _) => Finding::met(
                DEFAULT_ROUTE,
                format!("the IPv6 default route goes out of {}", up.name),
            ),
            (None, []) => Finding::warning(
                DEFAULT_ROUTE,
                "the host has no IPv6 default route: guests reach nothing beyond it",
            )
            .fixed_by("ip -6 route add default via GATEWAY dev UPLINK"),
            (None, [lost, ..]) => {
                let found = format!(
                    "the host has no IPv6 default route; {} hears Router Advertisements, and accept_ra is 1, \
                     which a host that forwards takes for 0",
                    lost.name
                );
                Finding::warning(DEFAULT_ROUTE, found).fixed_by(format!("sysctl -w {}", lost.accept()))
            }
        }
    }
}

fn uplink(route: &Route) -> Option<Uplink> {
    let is_default = route.prefix_len == 0;
    is_default.then(|| described(route.ifindex, route.protocol == RTPROT_RA))?
}

fn described(ifindex: u32, by_advertisement: bool) -> Option<Uplink> {
    let record = Reader::new(ifindex).ok()?.record().ok()?;
    Some(Uplink {
        name: record.name,
        by_advertisement,
        ipv6: record.ipv6,
    })
}

/// Whether any arrived since the interface exists; the line appears with the first.
fn heard_advertisements(name: &IfName) -> bool {
    let path = Path::new("/proc/self/net/dev_snmp6").join(OsStr::from_bytes(name.as_bytes()));
    fs::read_to_string(path).is_ok_and(|counters| counters.contains("Icmp6InType134"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::finding::Mark;

    fn up0(by_advertisement: bool, accept_ra: i32, forwarding: i32) -> Uplink {
        Uplink {
            name: IfName::new(b"up0").unwrap(),
            by_advertisement,
            ipv6: Some(Ipv6Settings {
                forwarding,
                accept_ra,
                disable_ipv6: 0,
            }),
        }
    }

    fn host(forwarding: i32, uplink: Option<Uplink>) -> Host {
        Host {
            forwarding: Some(forwarding),
            uplink,
            lost: Vec::new(),
        }
    }

    #[test]
    fn only_an_uplink_that_goes_deaf_is_at_fault() {
        for (uplink, mark) in [
            (up0(true, 1, 1), Mark::Warning),
            (up0(true, 2, 1), Mark::Met),
            // Somebody else reads the advertisements.
            (up0(true, 0, 1), Mark::Met),
            (up0(true, 1, 0), Mark::Met),
            (up0(false, 1, 1), Mark::Met),
        ] {
            let finding = host(1, Some(uplink.clone())).default_route();
            assert_eq!(finding.mark, mark, "{uplink:?}: {finding:?}");
        }
    }

    #[test]
    fn forwarding_is_turned_on_after_what_keeps_the_default_route() {
        let fix = |uplink| host(0, uplink).forwards().fix.unwrap();
        assert_eq!(fix(None), "sysctl -w net.ipv6.conf.all.forwarding=1");
        assert_eq!(
            fix(Some(up0(true, 1, 0))),
            "sysctl -w net.ipv6.conf.up0.accept_ra=2 net.ipv6.conf.all.forwarding=1"
        );
        assert_eq!(fix(Some(up0(true, 0, 0))), fix(None));
    }

    #[test]
    fn a_lost_default_route_names_who_heard_of_it() {
        let lost = Host {
            lost: vec![up0(true, 1, 1)],
            ..host(1, None)
        };
        assert_eq!(
            lost.default_route().fix.unwrap(),
            "sysctl -w net.ipv6.conf.up0.accept_ra=2"
        );
        assert_eq!(host(1, None).default_route().mark, Mark::Warning);
    }
}
