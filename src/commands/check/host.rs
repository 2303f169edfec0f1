//! What all interfaces of this host share: forwarding and the default route.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::Ipv6Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use autora_core::interface_name::IfName;
use autora_core::link::Ipv6Settings;

use super::finding::Finding;
use crate::kernel::interfaces;
use crate::kernel::rtnetlink::Reader;
use crate::kernel::rtnetlink::lookup::{Route, route_to};
use crate::kernel::rtnetlink::message::RTPROT_RA;

/// The state of the host.
#[derive(Clone, Debug)]
pub(super) struct Host {
    /// `net.ipv6.conf.all.forwarding`; `None` without IPv6.
    pub forwarding: Option<i32>,
    /// The interface of the IPv6 default route.
    pub uplink: Option<Uplink>,
    /// If there is no default route: interfaces other than guests' that receive
    /// Router Advertisements which the kernel ignores.
    pub ignoring_ras: Vec<Uplink>,
}

/// An interface that may have a default route.
#[derive(Clone, Debug)]
pub(super) struct Uplink {
    pub name: IfName,
    /// Whether the default route comes from a Router Advertisement.
    pub by_advertisement: bool,
    /// The settings; `None` if the kernel does not run IPv6 on it.
    pub ipv6: Option<Ipv6Settings>,
}

impl Uplink {
    /// Whether the kernel ignores Router Advertisements with this value of
    /// `forwarding`, although `accept_ra` is 1. A program that handles them
    /// itself, such as systemd-networkd, sets `accept_ra` to 0.
    fn ignores_ras_with(&self, forwarding: i32) -> bool {
        forwarding != 0 && self.ipv6.is_some_and(|ipv6| ipv6.accept_ra == 1)
    }

    fn ignores_ras(&self) -> bool {
        self.ignores_ras_with(self.ipv6.map_or(0, |ipv6| ipv6.forwarding))
    }
}

/// Keeps a host that forwards from ignoring advertisements. Where they come from is for
/// the operator to know: a guest that sends them would become this host's router.
const ACCEPT: &str = "net/ipv6/conf/UPLINK/accept_ra=2";

impl Host {
    /// Reads the state of the host. Interfaces for which `is_guest_interface`
    /// is true cannot be uplinks.
    ///
    /// # Errors
    /// If the kernel cannot be queried.
    pub(super) fn read(is_guest_interface: impl Fn(&IfName) -> bool) -> io::Result<Self> {
        let all = fs::read_to_string("/proc/sys/net/ipv6/conf/all/forwarding");
        let uplink = route_to(Ipv6Addr::UNSPECIFIED)?.as_ref().and_then(uplink);
        let ignoring_ras = match uplink {
            Some(_) => Vec::new(),
            None => interfaces::all()
                .unwrap_or_default()
                .into_iter()
                .filter(|(_, name)| !is_guest_interface(name) && has_received_ras(name))
                .filter_map(|(ifindex, _)| read_uplink(ifindex, true))
                .filter(Uplink::ignores_ras)
                .collect(),
        };
        Ok(Self {
            forwarding: all.ok().and_then(|text| text.trim().parse().ok()),
            uplink,
            ignoring_ras,
        })
    }

    #[must_use]
    pub(super) fn findings(&self, is_forwarded: bool) -> Vec<Finding> {
        vec![self.forwarding_finding(is_forwarded), self.default_route()]
    }

    fn forwarding_finding(&self, is_forwarded: bool) -> Finding {
        const FORWARDING: &str = "forwarding";
        match self.forwarding {
            None => Finding::missed(FORWARDING, "the kernel does not run IPv6 (no /proc/sys/net/ipv6)"),
            Some(0) if is_forwarded => Finding::met(
                FORWARDING,
                "force_forwarding is 1 on these interfaces and the uplink",
            ),
            Some(0) => {
                let found = "net.ipv6.conf.all.forwarding is 0: guests get addresses and a default route, \
                             and this host drops their packets";
                // accept_ra has to come first, or the default route is lost.
                let losing_route = self
                    .uplink
                    .as_ref()
                    .filter(|up| up.by_advertisement && up.ignores_ras_with(1));
                let Some(up) = losing_route else {
                    return Finding::warning(FORWARDING, found)
                        .fixed_by("sysctl -w net.ipv6.conf.all.forwarding=1");
                };
                let name = &up.name;
                let found = format!(
                    "{found}; its default route comes from Router Advertisements on {name}, and is kept if that is the uplink"
                );
                Finding::warning(FORWARDING, found)
                    .fixed_by(format!("sysctl -w {ACCEPT} net.ipv6.conf.all.forwarding=1"))
            }
            Some(value) => Finding::met(FORWARDING, format!("net.ipv6.conf.all.forwarding is {value}")),
        }
    }

    fn default_route(&self) -> Finding {
        const DEFAULT_ROUTE: &str = "default route";
        match (&self.uplink, &self.ignoring_ras[..]) {
            (Some(up), _) if up.by_advertisement && up.ignores_ras() => {
                let found = format!(
                    "the default route out of {} comes from Router Advertisements, and accept_ra is 1, which \
                     has no effect on a host that forwards: the route will expire",
                    up.name
                );
                Finding::warning(DEFAULT_ROUTE, found).fixed_by(format!("sysctl -w {ACCEPT}"))
            }
            (Some(up), _) => Finding::met(
                DEFAULT_ROUTE,
                format!("the IPv6 default route goes out of {}", up.name),
            ),
            (None, []) => Finding::warning(
                DEFAULT_ROUTE,
                "the host has no IPv6 default route: guests reach nothing beyond this host",
            )
            .fixed_by("ip -6 route add default via GATEWAY dev UPLINK"),
            (None, [up, ..]) => {
                let found = format!(
                    "the host has no IPv6 default route; {} receives Router Advertisements, and accept_ra is 1, \
                     which has no effect on a host that forwards",
                    up.name
                );
                Finding::warning(DEFAULT_ROUTE, found).fixed_by(format!("sysctl -w {ACCEPT}"))
            }
        }
    }
}

fn uplink(route: &Route) -> Option<Uplink> {
    let is_default = route.prefix_len == 0;
    is_default.then(|| read_uplink(route.ifindex, route.protocol == RTPROT_RA))?
}

fn read_uplink(ifindex: u32, by_advertisement: bool) -> Option<Uplink> {
    let name = interfaces::name_of(ifindex)?;
    let record = Reader::new(ifindex, name).ok()?.record().ok()?;
    Some(Uplink {
        name: record.name,
        by_advertisement,
        ipv6: record.ipv6,
    })
}

/// Whether a Router Advertisement has been received since the interface was
/// created. The line appears with the first.
fn has_received_ras(name: &IfName) -> bool {
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
            ignoring_ras: Vec::new(),
        }
    }

    #[test]
    fn only_an_uplink_that_ignores_advertisements_is_a_warning() {
        for (uplink, mark) in [
            (up0(true, 1, 1), Mark::Warning),
            (up0(true, 2, 1), Mark::Met),
            // Another program handles the advertisements.
            (up0(true, 0, 1), Mark::Met),
            (up0(true, 1, 0), Mark::Met),
            (up0(false, 1, 1), Mark::Met),
        ] {
            let finding = host(1, Some(uplink.clone())).default_route();
            assert_eq!(finding.mark, mark, "{uplink:?}: {finding:?}");
        }
    }

    #[test]
    fn accept_ra_is_set_before_forwarding_is_turned_on() {
        let fix = |uplink| host(0, uplink).forwarding_finding(false).fix.unwrap();
        assert_eq!(fix(None), "sysctl -w net.ipv6.conf.all.forwarding=1");
        assert_eq!(
            fix(Some(up0(true, 1, 0))),
            "sysctl -w net/ipv6/conf/UPLINK/accept_ra=2 net.ipv6.conf.all.forwarding=1"
        );
        assert_eq!(fix(Some(up0(true, 0, 0))), fix(None));
    }

    #[test]
    fn without_a_default_route_the_uplink_that_receives_advertisements_is_named() {
        let without_route = Host {
            ignoring_ras: vec![up0(true, 1, 1)],
            ..host(1, None)
        };
        assert_eq!(
            without_route.default_route().fix.unwrap(),
            "sysctl -w net/ipv6/conf/UPLINK/accept_ra=2"
        );
        assert_eq!(host(1, None).default_route().mark, Mark::Warning);
    }
}
