//! The daemon's requirements on a link, each with its own finding.
//!
//! No requirement is implemented twice: each is evaluated by [`judge`], on a
//! copy of the link on which all others are met. So a requirement is missed
//! exactly if the daemon would not advertise.

use std::net::Ipv6Addr;

use autora_core::eligibility::{Reason, Verdict, judge};
use autora_core::lifetime::Lifetime;
use autora_core::link::{
    Address, Hardware, IFA_F_PERMANENT, IFF_LOOPBACK, IFF_MULTICAST, IFF_NOARP, IFF_RUNNING, IFF_UP,
    Ipv6Settings, Link,
};

use super::finding::Finding;
use super::fix::fix;
use autora_core::prefix::Prefix64;

use crate::advice::{explain, shell};

/// One of the requirements of [`judge`].
struct Requirement {
    name: &'static str,
    /// Fails with an explanation if the link's state does not show whether it is met.
    known: fn(&Link) -> Result<(), &'static str>,
    /// Copies to the first link, which is eligible, what the requirement
    /// concerns in the second.
    copy: fn(&mut Link, &Link),
    /// The text if it is met.
    met: fn(&Link, &Verdict) -> String,
}

const REQUIREMENTS: [Requirement; 13] = [
    Requirement {
        name: "link type",
        known: |_| Ok(()),
        copy: |to, link| {
            copy_flag(to, link, IFF_LOOPBACK);
            to.hardware = link.hardware;
        },
        met: |link, _| match link.hardware {
            Hardware::Bare => "bare IP, as on a tun".to_owned(),
            _ => "Ethernet".to_owned(),
        },
    },
    Requirement {
        name: "no port",
        known: |_| Ok(()),
        copy: |to, link| to.port_of = link.port_of,
        met: |_, _| "of no bridge or bond".to_owned(),
    },
    Requirement {
        name: "up",
        known: |_| Ok(()),
        copy: |to, link| copy_flag(to, link, IFF_UP),
        met: |_, _| "it is up".to_owned(),
    },
    Requirement {
        name: "carrier",
        known: is_up,
        copy: |to, link| copy_flag(to, link, IFF_RUNNING),
        met: |_, _| "the guest's end is connected".to_owned(),
    },
    Requirement {
        name: "multicast",
        known: |_| Ok(()),
        copy: |to, link| copy_flag(to, link, IFF_MULTICAST),
        met: |_, _| "on".to_owned(),
    },
    Requirement {
        name: "neighbours",
        known: |_| Ok(()),
        copy: |to, link| {
            copy_flag(to, link, IFF_NOARP);
            if has(link, IFF_NOARP) && link.hardware != Hardware::Bare {
                to.hardware = Hardware::Ethernet([0; 6]);
            }
        },
        met: |_, _| "the kernel finds and is found".to_owned(),
    },
    Requirement {
        name: "IPv6",
        known: |_| Ok(()),
        copy: |to, link| match link.ipv6 {
            Some(found) => settings(to, |ipv6| ipv6.disable_ipv6 = found.disable_ipv6),
            None => to.ipv6 = None,
        },
        met: |_, _| "enabled".to_owned(),
    },
    Requirement {
        name: "accept_ra",
        known: has_settings,
        copy: |to, link| {
            let found = link.ipv6.map_or(0, |ipv6| ipv6.accept_ra);
            settings(to, |ipv6| ipv6.accept_ra = found);
        },
        met: |link, _| {
            let value = link.ipv6.map_or(0, |ipv6| ipv6.accept_ra);
            format!("{value}: not an uplink that accepts Router Advertisements")
        },
    },
    Requirement {
        name: "no default route",
        known: |_| Ok(()),
        copy: |to, link| to.uplink_route = link.uplink_route,
        met: |_, _| "no default route goes out of it".to_owned(),
    },
    Requirement {
        name: "no other router",
        known: |_| Ok(()),
        copy: |to, link| {
            let learned = link.addresses.iter().find(|address| address.is_from_ra());
            to.addresses.extend(learned);
        },
        met: |_, _| "no address comes from a Router Advertisement".to_owned(),
    },
    Requirement {
        name: "link-local",
        known: assigns_link_local,
        copy: |to, link| {
            to.addresses
                .retain(|address| !address.local.is_unicast_link_local());
            let sources = link
                .addresses
                .iter()
                .filter(|address| address.local.is_unicast_link_local() && !address.is_from_ra());
            // A peer's prefix belongs to the requirement on the /64.
            to.addresses.extend(sources.map(|&address| Address {
                prefix_address: address.local,
                ..address
            }));
        },
        met: |_, verdict| match verdict {
            Verdict::Advertise(basis, _) => format!("{} is the source", basis.source),
            _ => String::new(),
        },
    },
    Requirement {
        name: "one /64",
        known: |link| has_settings(link).and_then(|()| is_enabled(link)),
        copy: |to, link| {
            to.addresses
                .retain(|address| address.local.is_unicast_link_local());
            let own = link.addresses.iter().filter(|address| !address.is_from_ra());
            to.addresses.extend(own);
        },
        met: |_, verdict| match verdict {
            Verdict::Advertise(_, prefix) => prefix.prefix.to_string(),
            _ => String::new(),
        },
    },
    Requirement {
        name: "forwarding",
        known: has_settings,
        copy: |to, link| {
            let found = link.ipv6.map_or(0, |ipv6| ipv6.forwarding);
            settings(to, |ipv6| ipv6.forwarding = found);
        },
        met: |_, _| "1".to_owned(),
    },
];

/// The finding on each requirement, in the order of the list; the one on other
/// daemons is in [`super::other_daemons`].
pub(super) fn requirements(link: &Link) -> Vec<Finding> {
    REQUIREMENTS.iter().map(|one| one.evaluate_alone(link)).collect()
}

/// Whether a guest could make itself this host's router: a link that does not
/// forward takes advertisements, if `accept_ra` is not 0.
pub(super) fn takes_advertisements(link: &Link) -> Option<Finding> {
    let ipv6 = link.ipv6?;
    let is_deaf = ipv6.forwarding != 0 || ipv6.accept_ra != 1 || ipv6.disable_ipv6 != 0;
    // On an uplink they are wanted.
    let is_uplink = link.uplink_route.is_some() || link.addresses.iter().any(Address::is_from_ra);
    (!is_deaf && !is_uplink).then(|| {
        let found = "while it does not forward, a guest's advertisement gives this host an address and a default route";
        let key = shell::sysctl_key(&link.name, "accept_ra");
        Finding::warning("guest's RAs", found).fixed_by(format!("sysctl -w {key}=0"))
    })
}

impl Requirement {
    fn evaluate_alone(&self, link: &Link) -> Finding {
        if let Err(why) = (self.known)(link) {
            return Finding::unknown(self.name, why);
        }
        let mut alone = eligible(link);
        (self.copy)(&mut alone, link);
        let verdict = judge(&alone, false, None);
        let reason = match &verdict {
            // On the eligible link no prefix is deprecated: this is the requirement on the /64.
            Verdict::Advertise(_, offer) if offer.preferred == Lifetime::ZERO => {
                return deprecated(self.name, link, offer.prefix);
            }
            Verdict::Advertise(..) => return Finding::met(self.name, (self.met)(link, &verdict)),
            // Duplicate address detection waits for a carrier, which is a requirement of its own.
            Verdict::WithdrawOnly(_, Reason::PrefixTentative(prefix))
            | Verdict::Silent(Reason::PrefixTentative(prefix))
                if !has(link, IFF_RUNNING) =>
            {
                return Finding::unknown(
                    self.name,
                    format!("the address in {prefix} is tentative until there is carrier"),
                );
            }
            Verdict::WithdrawOnly(_, reason) | Verdict::Silent(reason) => reason,
        };
        let explained = explain(reason, &link.name).to_string();
        match fix(reason, link) {
            None => Finding::missed(self.name, explained),
            // The command is printed on its own line.
            Some(command) => {
                let found = explained.strip_suffix(&command).unwrap_or(&explained);
                Finding::missed(self.name, found.trim_end().trim_end_matches(':')).fixed_by(command)
            }
        }
    }
}

/// A guest may use a deprecated address only for existing connections (RFC 4862, 5.5.4).
fn deprecated(requirement: &'static str, link: &Link, prefix: Prefix64) -> Finding {
    let found = format!("its only /64, {prefix}, is deprecated: guests open no new connections from it");
    let dev = shell::interface(&link.name);
    Finding::warning(requirement, found).fixed_by(format!("ip -6 address add NEW-PREFIX::1/64 dev {dev}"))
}

/// A link of the same name that meets all requirements.
fn eligible(link: &Link) -> Link {
    Link {
        ifindex: link.ifindex,
        name: link.name,
        flags: IFF_UP | IFF_RUNNING | IFF_MULTICAST,
        hardware: Hardware::Bare,
        port_of: None,
        carrier_ups: link.carrier_ups,
        ipv6: Some(Ipv6Settings {
            forwarding: 1,
            accept_ra: 0,
            disable_ipv6: 0,
        }),
        addresses: vec![
            permanent_address([0xfe80, 0, 0, 0]),
            permanent_address([0x2001, 0xdb8, 0, 0]),
        ],
        host_forwards: true,
        uplink_route: None,
        foreign_ras: 0,
    }
}

fn permanent_address([a, b, c, d]: [u16; 4]) -> Address {
    let local = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1);
    Address {
        local,
        prefix_address: local,
        prefix_len: 64,
        flags: IFA_F_PERMANENT,
        valid: Lifetime::INFINITE,
        preferred: Lifetime::INFINITE,
        created: 0,
        protocol: 0,
        is_routed: true,
    }
}

fn has(link: &Link, flag: u32) -> bool {
    link.flags & flag != 0
}

fn copy_flag(to: &mut Link, link: &Link, flag: u32) {
    to.flags = to.flags & !flag | link.flags & flag;
}

fn settings(to: &mut Link, change: impl FnOnce(&mut Ipv6Settings)) {
    if let Some(ipv6) = &mut to.ipv6 {
        change(ipv6);
    }
}

fn is_up(link: &Link) -> Result<(), &'static str> {
    if has(link, IFF_UP) {
        Ok(())
    } else {
        Err("unknown while the interface is down")
    }
}

fn has_settings(link: &Link) -> Result<(), &'static str> {
    match link.ipv6 {
        Some(_) => Ok(()),
        None => Err("unknown while the kernel does not run IPv6 on it"),
    }
}

fn is_enabled(link: &Link) -> Result<(), &'static str> {
    match link.ipv6 {
        Some(ipv6) if ipv6.disable_ipv6 != 0 => Err("assigned once disable_ipv6 is 0"),
        _ => Ok(()),
    }
}

/// The conditions under which the kernel assigns a link-local address.
fn assigns_link_local(link: &Link) -> Result<(), &'static str> {
    is_up(link)?;
    has_settings(link)?;
    is_enabled(link)?;
    if has(link, IFF_RUNNING) {
        Ok(())
    } else {
        Err("assigned once there is carrier")
    }
}

#[cfg(test)]
mod tests;
