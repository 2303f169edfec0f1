//! What may be advertised on a link, or the one reason why not.

use std::fmt;
use std::net::Ipv6Addr;

use nix::libc;

use crate::ifname::IfName;
use crate::link::{Address, AddressState, Hardware, Link};
use crate::pattern::Pattern;
use crate::prefix::Prefix64;
use crate::wire::PrefixInformation;

/// What may be sent, by a reading of the link's state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All is well.
    Advertise(Footing, PrefixInformation),
    /// Nothing but the withdrawal of what was advertised before.
    WithdrawOnly(Footing, Reason),
    /// Nothing at all.
    Silent(Reason),
}

impl Verdict {
    /// Why nothing is advertised, if so.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Advertise(..) => None,
            Self::WithdrawOnly(_, reason) | Self::Silent(reason) => Some(reason),
        }
    }
}

/// What any packet rests on, a withdrawal included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Footing {
    /// A valid link-local address.
    pub source: Ipv6Addr,
    /// The count of carrier gains: a guest may have restarted in between.
    pub carrier_ups: u32,
    /// The one usable /64, if there is one.
    pub preferred: Option<PrefixInformation>,
    /// Prefixes whose addresses are all deprecated, with what remains.
    pub deprecated: Vec<PrefixInformation>,
    /// Prefixes that are there but neither preferred nor deprecated yet.
    pub pending: Vec<Prefix64>,
}

/// Why an interface is not advertised. [`Reason::explain`] says it to an
/// operator; [`Reason::key`] names it in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The name does not match the pattern.
    NoMatch,
    /// The state could not be read.
    Unreadable(String),
    /// The loopback interface.
    Loopback,
    /// Neither Ethernet nor bare IP: the `ARPHRD_*` that it is.
    LinkType(u16),
    /// Not `IFF_UP`.
    Down,
    /// Not `IFF_RUNNING`.
    NoCarrier,
    /// Not `IFF_MULTICAST`.
    NoMulticast,
    /// The kernel runs no IPv6 on it, as with an MTU below 1280.
    NoIpv6,
    /// `disable_ipv6` is set.
    Ipv6Disabled,
    /// It takes Router Advertisements although it forwards: an uplink.
    AcceptsRas(i32),
    /// An IPv6 default route goes out of it: an uplink.
    DefaultRoute,
    /// Another daemon of this host advertises on it.
    OtherDaemon,
    /// No link-local address.
    NoLinkLocal,
    /// A link-local address is not valid yet.
    LinkLocalTentative(Ipv6Addr),
    /// The link-local address belongs to another node.
    LinkLocalDuplicate(Ipv6Addr),
    /// More than one usable /64.
    SeveralPrefixes(Vec<Prefix64>),
    /// `forwarding` is not 1.
    NotForwarding(i32),
    /// No /64 at all.
    NoPrefix,
    /// The only /64 is not valid yet.
    PrefixTentative(Prefix64),
    /// The only address inside a /64 belongs to another node.
    PrefixDuplicate(Prefix64),
    /// The only /64 is deprecated.
    PrefixDeprecated(Prefix64),
}

/// Judges a `link`: the rules in their order. What allows no withdrawal is
/// asked first, so that a [`Verdict::WithdrawOnly`] stands on a link that is
/// up, has a valid source and is nobody else's.
///
/// `source` is the address advertised from so far; it is kept while it is
/// valid (RFC 4861, 6.2.8: hosts know a router by it).
#[must_use]
pub fn judge(
    link: &Link,
    pattern: &Pattern,
    yields_to_other_daemon: bool,
    source: Option<Ipv6Addr>,
) -> Verdict {
    match footing(link, pattern, yields_to_other_daemon, source) {
        Err(reason) => Verdict::Silent(reason),
        Ok((footing, pending)) => conclude(link, footing, &pending),
    }
}

fn footing(
    link: &Link,
    pattern: &Pattern,
    yields_to_other_daemon: bool,
    source: Option<Ipv6Addr>,
) -> Result<(Footing, Vec<(Prefix64, AddressState)>), Reason> {
    let has = |flag: libc::c_int| link.flags & flag.unsigned_abs() != 0;
    if !pattern.matches(&link.name) {
        return Err(Reason::NoMatch);
    }
    if has(libc::IFF_LOOPBACK) {
        return Err(Reason::Loopback);
    }
    if let Hardware::Other(kind) = link.hardware {
        return Err(Reason::LinkType(kind));
    }
    if !has(libc::IFF_UP) {
        return Err(Reason::Down);
    }
    if !has(libc::IFF_RUNNING) {
        return Err(Reason::NoCarrier);
    }
    if !has(libc::IFF_MULTICAST) {
        return Err(Reason::NoMulticast);
    }
    let ipv6 = link.ipv6.ok_or(Reason::NoIpv6)?;
    if ipv6.disable_ipv6 != 0 {
        return Err(Reason::Ipv6Disabled);
    }
    // 1 means "unless forwarding" and is every interface's default.
    if ipv6.accept_ra >= 2 {
        return Err(Reason::AcceptsRas(ipv6.accept_ra));
    }
    if link.default_route {
        return Err(Reason::DefaultRoute);
    }
    if yields_to_other_daemon {
        return Err(Reason::OtherDaemon);
    }
    let source = link_local(&link.addresses, source)?;
    let prefixes = Prefixes::of(&link.addresses);
    if let [_, _, ..] = prefixes.preferred[..] {
        let several = prefixes.preferred.iter().map(|p| p.prefix).collect();
        return Err(Reason::SeveralPrefixes(several));
    }
    let footing = Footing {
        source,
        carrier_ups: link.carrier_ups,
        preferred: prefixes.preferred.first().copied(),
        pending: prefixes.pending.iter().map(|&(prefix, _)| prefix).collect(),
        deprecated: prefixes.deprecated,
    };
    Ok((footing, prefixes.pending))
}

fn conclude(link: &Link, footing: Footing, pending: &[(Prefix64, AddressState)]) -> Verdict {
    let forwarding = link.ipv6.map_or(0, |ipv6| ipv6.forwarding);
    if forwarding != 1 {
        return Verdict::WithdrawOnly(footing, Reason::NotForwarding(forwarding));
    }
    if let Some(prefix) = footing.preferred {
        return Verdict::Advertise(footing, prefix);
    }
    let reason = match (pending, &footing.deprecated[..]) {
        ([(prefix, AddressState::Tentative), ..], _) => Reason::PrefixTentative(*prefix),
        (_, [deprecated, ..]) => Reason::PrefixDeprecated(deprecated.prefix),
        ([(prefix, _), ..], _) => Reason::PrefixDuplicate(*prefix),
        _ => Reason::NoPrefix,
    };
    Verdict::WithdrawOnly(footing, reason)
}

/// The address to advertise from: the one used so far, else the oldest, which
/// is the one that an earlier process of this daemon chose.
fn link_local(addresses: &[Address], so_far: Option<Ipv6Addr>) -> Result<Ipv6Addr, Reason> {
    let link_locals = || addresses.iter().filter(|a| a.local.is_unicast_link_local());
    if let Some(kept) = link_locals().find(|a| a.is_valid() && Some(a.local) == so_far) {
        return Ok(kept.local);
    }
    if let Some(oldest) = link_locals()
        .filter(|a| a.is_valid())
        .min_by_key(|a| (a.created, a.local))
    {
        return Ok(oldest.local);
    }
    let tentative = link_locals().find(|a| a.state() == AddressState::Tentative);
    Err(match (tentative, link_locals().next()) {
        (Some(a), _) => Reason::LinkLocalTentative(a.local),
        (None, Some(a)) => Reason::LinkLocalDuplicate(a.local),
        (None, None) => Reason::NoLinkLocal,
    })
}

/// The /64 prefixes of an interface, each once, by the best of its addresses.
struct Prefixes {
    preferred: Vec<PrefixInformation>,
    deprecated: Vec<PrefixInformation>,
    pending: Vec<(Prefix64, AddressState)>,
}

impl Prefixes {
    fn of(addresses: &[Address]) -> Self {
        let mut all = Self {
            preferred: Vec::new(),
            deprecated: Vec::new(),
            pending: Vec::new(),
        };
        for address in addresses
            .iter()
            .filter(|a| a.prefix_len == 64 && is_routable(a.on_link))
        {
            let prefix = Prefix64::of(address.on_link);
            match address.state() {
                AddressState::Preferred => merge(&mut all.preferred, prefix, address),
                AddressState::Deprecated => merge(&mut all.deprecated, prefix, address),
                state => all.pending.push((prefix, state)),
            }
        }
        all.deprecated
            .retain(|d| !all.preferred.iter().any(|p| p.prefix == d.prefix));
        all.pending.retain(|&(pending, _)| {
            let known = |p: &PrefixInformation| p.prefix == pending;
            !all.preferred.iter().chain(&all.deprecated).any(known)
        });
        all
    }
}

/// A prefix lives as long as the longest-lived of its addresses.
fn merge(prefixes: &mut Vec<PrefixInformation>, prefix: Prefix64, address: &Address) {
    if let Some(known) = prefixes.iter_mut().find(|p| p.prefix == prefix) {
        known.valid = known.valid.max(address.valid);
        known.preferred = known.preferred.max(address.preferred);
    } else {
        prefixes.push(PrefixInformation {
            prefix,
            valid: address.valid,
            preferred: address.preferred,
        });
    }
}

/// Global unicast or unique local (RFC 4291, 2.4 and 2.5.4 to 2.5.7).
fn is_routable(address: Ipv6Addr) -> bool {
    let site_local = address.segments().first().is_some_and(|s| s & 0xffc0 == 0xfec0);
    !(address.is_unicast_link_local()
        || address.is_multicast()
        || site_local
        // ::/96 and ::ffff:0:0/96: unspecified, loopback, IPv4 in IPv6.
        || address.octets().starts_with(&[0; 8]))
}

impl Reason {
    /// A stable name for the journal field `AUTORA_REASON` and for scripts.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::NoMatch => "no-match",
            Self::Unreadable(_) => "unreadable",
            Self::Loopback => "loopback",
            Self::LinkType(_) => "link-type",
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::NoMulticast => "no-multicast",
            Self::NoIpv6 => "no-ipv6",
            Self::Ipv6Disabled => "ipv6-disabled",
            Self::AcceptsRas(_) => "uplink-accepts-ra",
            Self::DefaultRoute => "uplink-default-route",
            Self::OtherDaemon => "other-daemon",
            Self::NoLinkLocal => "no-link-local",
            Self::LinkLocalTentative(_) => "link-local-tentative",
            Self::LinkLocalDuplicate(_) => "link-local-duplicate",
            Self::SeveralPrefixes(_) => "several-prefixes",
            Self::NotForwarding(_) => "not-forwarding",
            Self::NoPrefix => "no-prefix",
            Self::PrefixTentative(_) => "prefix-tentative",
            Self::PrefixDuplicate(_) => "prefix-duplicate",
            Self::PrefixDeprecated(_) => "prefix-deprecated",
        }
    }

    /// Whether it is a step on the way up, with nothing to be mended.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Down
                | Self::NoCarrier
                | Self::NoLinkLocal
                | Self::LinkLocalTentative(_)
                | Self::PrefixTentative(_)
        )
    }

    /// What was found and what to do, for the interface `name`.
    #[must_use]
    pub fn explain<'a>(&'a self, name: &'a IfName) -> impl fmt::Display + 'a {
        Explanation { reason: self, name }
    }
}

struct Explanation<'a> {
    reason: &'a Reason,
    name: &'a IfName,
}

impl fmt::Display for Explanation<'_> {
    #[expect(clippy::too_many_lines, reason = "one arm per reason, read as a table")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        let dev = name.shell();
        match self.reason {
            Reason::NoMatch => write!(
                f,
                "the name does not match the pattern: set AUTORA_INTERFACE_REGEX"
            ),
            Reason::Unreadable(error) => write!(f, "its state cannot be read ({error}): trying again"),
            Reason::Loopback => write!(f, "it is the loopback interface: no guest is behind it"),
            Reason::LinkType(kind) => {
                write!(
                    f,
                    "it is neither Ethernet nor bare IP (ARPHRD {kind}): such links are not served"
                )
            }
            Reason::Down => write!(f, "it is down: ip link set {dev} up"),
            Reason::NoCarrier => write!(f, "it has no carrier: waiting for the guest"),
            Reason::NoMulticast => write!(f, "multicast is off: ip link set {dev} multicast on"),
            Reason::NoIpv6 => {
                write!(
                    f,
                    "the kernel runs no IPv6 on it: ip link set {dev} mtu 1500 (at least 1280)"
                )
            }
            Reason::Ipv6Disabled => {
                write!(
                    f,
                    "disable_ipv6 is set: sysctl -w {}=0",
                    name.sysctl("disable_ipv6")
                )
            }
            Reason::AcceptsRas(value) => write!(
                f,
                "accept_ra is {value}, so it is an uplink of this host: if it is not, sysctl -w {}=0",
                name.sysctl("accept_ra")
            ),
            Reason::DefaultRoute => write!(
                f,
                "an IPv6 default route goes out of it, so it is an uplink of this host: if it is not, \
                 ip -6 route del default dev {dev}"
            ),
            Reason::OtherDaemon => write!(
                f,
                "another program of this host sends Router Advertisements on it: yielding until it has been \
                 silent for three maximum intervals; stop it (radvd, dnsmasq, systemd-networkd?) or this instance"
            ),
            Reason::NoLinkLocal => write!(
                f,
                "it has no link-local address: sysctl -w {}=0, or ip -6 address add fe80::1/64 dev {dev}",
                name.sysctl("addr_gen_mode")
            ),
            Reason::LinkLocalTentative(address) => {
                write!(
                    f,
                    "its link-local address {address} is tentative: waiting for duplicate address detection"
                )
            }
            Reason::LinkLocalDuplicate(address) => write!(
                f,
                "its link-local address {address} is a duplicate: another node on the link has it; \
                 give one of them another address"
            ),
            Reason::SeveralPrefixes(prefixes) => {
                write!(f, "it has {} usable /64 prefixes (", prefixes.len())?;
                for (i, prefix) in prefixes.iter().enumerate() {
                    write!(f, "{}{prefix}", if i == 0 { "" } else { ", " })?;
                }
                write!(
                    f,
                    ") and only one may be: ip -6 address del all but one, or deprecate the old one \
                     (ip -6 address change ADDRESS/64 dev {dev} preferred_lft 0)"
                )
            }
            Reason::NotForwarding(value) => {
                write!(
                    f,
                    "forwarding is {value}: sysctl -w {}=1",
                    name.sysctl("forwarding")
                )
            }
            Reason::NoPrefix => {
                write!(
                    f,
                    "it has no global or unique-local /64: ip -6 address add PREFIX::1/64 dev {dev}"
                )
            }
            Reason::PrefixTentative(prefix) => {
                write!(
                    f,
                    "the address in {prefix} is tentative: waiting for duplicate address detection"
                )
            }
            Reason::PrefixDuplicate(prefix) => write!(
                f,
                "the address in {prefix} is a duplicate: another node on the link has it; use another one"
            ),
            Reason::PrefixDeprecated(prefix) => write!(
                f,
                "its only /64, {prefix}, is deprecated: ip -6 address add a new one, or ip -6 address change \
                 ADDRESS/64 dev {dev} preferred_lft forever"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetime::Lifetime;
    use crate::link::tests::{address, fit};

    fn judged(change: impl FnOnce(&mut Link)) -> Verdict {
        let mut link = fit();
        change(&mut link);
        judge(&link, &Pattern::new("^tap").unwrap(), false, None)
    }

    fn reason(change: impl FnOnce(&mut Link)) -> Reason {
        judged(change).reason().cloned().expect("ineligible")
    }

    fn prefix(text: &str) -> Prefix64 {
        Prefix64::of(text.parse().unwrap())
    }

    fn settings(link: &mut Link) -> &mut crate::link::Ipv6Settings {
        link.ipv6.as_mut().unwrap()
    }

    fn offered(change: impl FnOnce(&mut Link)) -> (Footing, PrefixInformation) {
        match judged(change) {
            Verdict::Advertise(footing, prefix) => (footing, prefix),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_fit_link_is_advertised() {
        let (footing, offer) = offered(|_| ());
        assert_eq!(footing.source, "fe80::1".parse::<Ipv6Addr>().unwrap());
        assert_eq!(offer.prefix, prefix("2001:db8:1::"));
        assert_eq!(offer.valid, Lifetime::INFINITE);
    }

    #[test]
    fn each_requirement_has_its_reason() {
        let off = |flag: libc::c_int| move |l: &mut Link| l.flags &= !flag.unsigned_abs();
        assert_eq!(
            reason(|l| l.name = IfName::new(b"eth0").unwrap()),
            Reason::NoMatch
        );
        assert_eq!(
            reason(|l| l.flags |= libc::IFF_LOOPBACK.unsigned_abs()),
            Reason::Loopback
        );
        assert_eq!(
            reason(|l| l.hardware = Hardware::Other(512)),
            Reason::LinkType(512)
        );
        assert_eq!(reason(off(libc::IFF_UP)), Reason::Down);
        assert_eq!(reason(off(libc::IFF_RUNNING)), Reason::NoCarrier);
        assert_eq!(reason(off(libc::IFF_MULTICAST)), Reason::NoMulticast);
        assert_eq!(reason(|l| l.ipv6 = None), Reason::NoIpv6);
        assert_eq!(reason(|l| settings(l).disable_ipv6 = 1), Reason::Ipv6Disabled);
        assert_eq!(reason(|l| settings(l).accept_ra = 2), Reason::AcceptsRas(2));
        assert_eq!(reason(|l| l.default_route = true), Reason::DefaultRoute);
        assert_eq!(reason(|l| settings(l).forwarding = 0), Reason::NotForwarding(0));
        assert_eq!(reason(|l| settings(l).forwarding = 2), Reason::NotForwarding(2));
        let verdict = judge(&fit(), &Pattern::new("^tap").unwrap(), true, None);
        assert_eq!(verdict, Verdict::Silent(Reason::OtherDaemon));
    }

    #[test]
    fn the_source_must_be_link_local_and_valid() {
        let ll = "fe80::1".parse().unwrap();
        assert_eq!(reason(|l| l.addresses.truncate(0)), Reason::NoLinkLocal);
        assert_eq!(
            reason(|l| l.addresses[0].flags |= libc::IFA_F_TENTATIVE),
            Reason::LinkLocalTentative(ll)
        );
        assert_eq!(
            reason(|l| l.addresses[0].flags |= libc::IFA_F_DADFAILED),
            Reason::LinkLocalDuplicate(ll)
        );
    }

    #[test]
    fn the_source_is_kept_while_valid_else_the_oldest_is_taken() {
        let mut link = fit();
        let mut second = address("fe80::2");
        second.created = 50;
        link.addresses.push(second);
        let pattern = Pattern::new("^tap").unwrap();
        let source = |link: &Link, so_far: &str| match judge(link, &pattern, false, so_far.parse().ok()) {
            Verdict::Advertise(footing, _) => footing.source.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(source(&link, "fe80::1"), "fe80::1");
        assert_eq!(source(&link, "fe80::9"), "fe80::2");
        link.addresses[0].flags |= libc::IFA_F_TENTATIVE;
        assert_eq!(source(&link, "fe80::1"), "fe80::2");
    }

    #[test]
    fn exactly_one_usable_64_is_wanted() {
        let p = prefix("2001:db8:1::");
        assert_eq!(reason(|l| l.addresses.truncate(1)), Reason::NoPrefix);
        assert_eq!(reason(|l| l.addresses[1].prefix_len = 65), Reason::NoPrefix);
        assert_eq!(
            reason(|l| l.addresses.push(address("fd00::1"))),
            Reason::SeveralPrefixes(vec![p, prefix("fd00::")])
        );
        assert_eq!(
            reason(|l| l.addresses[1].flags |= libc::IFA_F_TENTATIVE),
            Reason::PrefixTentative(p)
        );
        assert_eq!(
            reason(|l| l.addresses[1].flags |= libc::IFA_F_DADFAILED),
            Reason::PrefixDuplicate(p)
        );
        assert_eq!(
            reason(|l| l.addresses[1].flags |= libc::IFA_F_DEPRECATED),
            Reason::PrefixDeprecated(p)
        );
    }

    #[test]
    fn several_addresses_inside_one_64_are_one() {
        let (_, offer) = offered(|l| {
            l.addresses[1].valid = Lifetime::from_bits(100);
            l.addresses[1].preferred = Lifetime::from_bits(90);
            let mut other = address("2001:db8:1::2");
            other.valid = Lifetime::from_bits(200);
            other.preferred = Lifetime::from_bits(10);
            l.addresses.push(other);
            let mut deprecated = address("2001:db8:1::3");
            deprecated.flags |= libc::IFA_F_DEPRECATED;
            l.addresses.push(deprecated);
        });
        assert_eq!((offer.valid.to_bits(), offer.preferred.to_bits()), (200, 90));
    }

    #[test]
    fn addresses_of_other_kinds_are_ignored() {
        let (footing, offer) = offered(|l| {
            for text in ["fec0::1", "::1", "::ffff:192.0.2.1"] {
                l.addresses.push(address(text));
            }
            let mut host = address("2001:db8:9::1");
            host.prefix_len = 128;
            l.addresses.push(host);
        });
        assert_eq!(offer.prefix, prefix("2001:db8:1::"));
        assert!(footing.deprecated.is_empty() && footing.pending.is_empty());
    }

    #[test]
    fn a_deprecated_prefix_beside_a_new_one_is_told() {
        let (footing, offer) = offered(|l| {
            l.addresses[1].flags |= libc::IFA_F_DEPRECATED;
            l.addresses.push(address("2001:db8:2::1"));
        });
        assert_eq!(offer.prefix, prefix("2001:db8:2::"));
        assert_eq!(footing.deprecated.len(), 1);
        assert_eq!(footing.deprecated[0].prefix, prefix("2001:db8:1::"));
    }

    #[test]
    fn only_forwarding_and_the_prefix_leave_room_for_a_withdrawal() {
        assert!(matches!(
            judged(|l| settings(l).forwarding = 0),
            Verdict::WithdrawOnly(..)
        ));
        assert!(matches!(
            judged(|l| l.addresses.truncate(1)),
            Verdict::WithdrawOnly(..)
        ));
        // An uplink that does not forward either is an uplink first.
        let uplink = judged(|l| {
            settings(l).forwarding = 0;
            l.default_route = true;
        });
        assert_eq!(uplink, Verdict::Silent(Reason::DefaultRoute));
        let several = judged(|l| l.addresses.push(address("fd00::1")));
        assert!(matches!(several, Verdict::Silent(Reason::SeveralPrefixes(_))));
    }

    #[test]
    fn explanations_name_the_command() {
        let name = IfName::new(b"tap-vm-1").unwrap();
        assert_eq!(
            Reason::NotForwarding(0).explain(&name).to_string(),
            "forwarding is 0: sysctl -w net.ipv6.conf.tap-vm-1.forwarding=1"
        );
    }
}
