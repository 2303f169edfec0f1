//! The daemon's own requirements of a link, each on a line of its own.
//!
//! There is no second opinion here: each requirement is put to
//! [`judge`] alone, on a copy of the link on which all others are met. So
//! there is a cross exactly if the daemon would not advertise.

use std::net::Ipv6Addr;

use autora_core::eligibility::{Verdict, judge};
use autora_core::lifetime::Lifetime;
use autora_core::link::{
    Address, Hardware, IFA_F_PERMANENT, IFF_LOOPBACK, IFF_MULTICAST, IFF_RUNNING, IFF_UP, Ipv6Settings, Link,
};

use super::finding::Finding;
use super::fix::fix;
use autora_core::prefix::Prefix64;

use crate::advice::{explain, shell};

/// One thing that [`judge`] looks at.
struct Requirement {
    name: &'static str,
    /// Whether it can be told at all from the link as it stands.
    known: fn(&Link) -> Result<(), &'static str>,
    /// Takes it over from the link to one that is fit.
    take: fn(&mut Link, &Link),
    /// What is said when it is met.
    met: fn(&Link, &Verdict) -> String,
}

const REQUIREMENTS: [Requirement; 10] = [
    Requirement {
        name: "link type",
        known: |_| Ok(()),
        take: |fit, link| {
            copy_flag(fit, link, IFF_LOOPBACK);
            fit.hardware = link.hardware;
        },
        met: |link, _| match link.hardware {
            Hardware::Bare => "bare IP, as on a tun".to_owned(),
            _ => "Ethernet".to_owned(),
        },
    },
    Requirement {
        name: "up",
        known: |_| Ok(()),
        take: |fit, link| copy_flag(fit, link, IFF_UP),
        met: |_, _| "it is up".to_owned(),
    },
    Requirement {
        name: "carrier",
        known: is_up,
        take: |fit, link| copy_flag(fit, link, IFF_RUNNING),
        met: |_, _| "the guest's end is connected".to_owned(),
    },
    Requirement {
        name: "multicast",
        known: |_| Ok(()),
        take: |fit, link| copy_flag(fit, link, IFF_MULTICAST),
        met: |_, _| "on".to_owned(),
    },
    Requirement {
        name: "IPv6",
        known: |_| Ok(()),
        take: |fit, link| match link.ipv6 {
            Some(found) => settings(fit, |fit| fit.disable_ipv6 = found.disable_ipv6),
            None => fit.ipv6 = None,
        },
        met: |_, _| "enabled".to_owned(),
    },
    Requirement {
        name: "accept_ra",
        known: has_settings,
        take: |fit, link| {
            let found = link.ipv6.map_or(0, |ipv6| ipv6.accept_ra);
            settings(fit, |fit| fit.accept_ra = found);
        },
        met: |link, _| {
            let value = link.ipv6.map_or(0, |ipv6| ipv6.accept_ra);
            format!("{value}: no uplink that takes others' advertisements")
        },
    },
    Requirement {
        name: "no default route",
        known: |_| Ok(()),
        take: |fit, link| fit.default_route = link.default_route,
        met: |_, _| "none goes out of it".to_owned(),
    },
    Requirement {
        name: "link-local",
        known: has_come_up,
        take: |fit, link| {
            fit.addresses
                .retain(|address| !address.local.is_unicast_link_local());
            let sources = link
                .addresses
                .iter()
                .filter(|address| address.local.is_unicast_link_local());
            // A peer's prefix is another requirement's.
            fit.addresses.extend(sources.map(|&address| Address {
                prefix_address: address.local,
                ..address
            }));
        },
        met: |_, verdict| match verdict {
            Verdict::Advertise(basis, _) => format!("{}, the source", basis.source),
            _ => String::new(),
        },
    },
    Requirement {
        name: "one /64",
        known: |link| has_settings(link).and_then(|()| is_enabled(link)),
        take: |fit, link| {
            fit.addresses
                .retain(|address| address.local.is_unicast_link_local());
            fit.addresses.extend(&link.addresses);
        },
        met: |_, verdict| match verdict {
            Verdict::Advertise(_, prefix) => prefix.prefix.to_string(),
            _ => String::new(),
        },
    },
    Requirement {
        name: "forwarding",
        known: has_settings,
        take: |fit, link| {
            let found = link.ipv6.map_or(0, |ipv6| ipv6.forwarding);
            settings(fit, |fit| fit.forwarding = found);
        },
        met: |_, _| "1".to_owned(),
    },
];

/// How each requirement of the `link` stands, in the order in which the
/// daemon asks; the one on other daemons is [`super::other_daemons`]'s.
pub(super) fn requirements(link: &Link) -> Vec<Finding> {
    REQUIREMENTS.iter().map(|one| one.evaluate_alone(link)).collect()
}

impl Requirement {
    fn evaluate_alone(&self, link: &Link) -> Finding {
        if let Err(why) = (self.known)(link) {
            return Finding::unknown(self.name, why);
        }
        let mut alone = fit(link);
        (self.take)(&mut alone, link);
        let verdict = judge(&alone, false, None);
        let reason = match &verdict {
            // Only the link's own prefix can be one, so this is the requirement on that.
            Verdict::Advertise(_, offer) if offer.preferred == Lifetime::ZERO => {
                return deprecated(self.name, link, offer.prefix);
            }
            Verdict::Advertise(..) => return Finding::met(self.name, (self.met)(link, &verdict)),
            Verdict::WithdrawOnly(_, reason) | Verdict::Silent(reason) => reason,
        };
        let explained = explain(reason, &link.name).to_string();
        match fix(reason, link) {
            None => Finding::missed(self.name, explained),
            // The command has a line of its own.
            Some(command) => {
                let found = explained.strip_suffix(&command).unwrap_or(&explained);
                Finding::missed(self.name, found.trim_end().trim_end_matches(':')).fixed_by(command)
            }
        }
    }
}

/// The guest keeps its address, and makes no new connections from it.
fn deprecated(requirement: &'static str, link: &Link, prefix: Prefix64) -> Finding {
    let found = format!("its only /64, {prefix}, is deprecated: guests make no new connections from it");
    let dev = shell::interface(&link.name);
    Finding::warning(requirement, found).fixed_by(format!("ip -6 address add NEW-PREFIX::1/64 dev {dev}"))
}

/// A link of the same name on which everything is as it should be.
fn fit(link: &Link) -> Link {
    Link {
        ifindex: link.ifindex,
        name: link.name,
        flags: IFF_UP | IFF_RUNNING | IFF_MULTICAST,
        hardware: Hardware::Bare,
        carrier_ups: link.carrier_ups,
        ipv6: Some(Ipv6Settings {
            forwarding: 1,
            accept_ra: 0,
            disable_ipv6: 0,
        }),
        addresses: vec![fit_address([0xfe80, 0, 0, 0]), fit_address([0x2001, 0xdb8, 0, 0])],
        default_route: false,
        foreign_ras: 0,
    }
}

fn fit_address([a, b, c, d]: [u16; 4]) -> Address {
    let local = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1);
    Address {
        local,
        prefix_address: local,
        prefix_len: 64,
        flags: IFA_F_PERMANENT,
        valid: Lifetime::INFINITE,
        preferred: Lifetime::INFINITE,
        created: 0,
    }
}

fn has(link: &Link, flag: u32) -> bool {
    link.flags & flag != 0
}

fn copy_flag(fit: &mut Link, link: &Link, flag: u32) {
    fit.flags = fit.flags & !flag | link.flags & flag;
}

fn settings(fit: &mut Link, change: impl FnOnce(&mut Ipv6Settings)) {
    if let Some(ipv6) = &mut fit.ipv6 {
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
        None => Err("unknown while IPv6 does not run on it"),
    }
}

fn is_enabled(link: &Link) -> Result<(), &'static str> {
    match link.ipv6 {
        Some(ipv6) if ipv6.disable_ipv6 != 0 => Err("assigned once disable_ipv6 is 0"),
        _ => Ok(()),
    }
}

/// The kernel makes the link-local address when all of this is there.
fn has_come_up(link: &Link) -> Result<(), &'static str> {
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
