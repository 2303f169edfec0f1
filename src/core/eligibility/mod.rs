//! Eligibility: what may be advertised on a link, or why nothing may.

mod reason;

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::iter;
use core::net::Ipv6Addr;

use crate::lifetime::Lifetime;
use crate::link::{
    Address, AddressState, Hardware, IFF_LOOPBACK, IFF_MULTICAST, IFF_NOARP, IFF_RUNNING, IFF_UP, Link,
};
use crate::prefix::Prefix64;
use crate::wire::PrefixInformation;
pub use reason::Reason;

/// What may be sent, according to a snapshot of the link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// RAs with this prefix.
    Advertise(AdvertisingBasis, PrefixInformation),
    /// Only a withdrawal of what was advertised before.
    WithdrawOnly(AdvertisingBasis, Reason),
    /// Nothing.
    Silent(Reason),
}

impl Verdict {
    /// What an RA would be sent with; `None` for [`Verdict::Silent`].
    #[must_use]
    pub fn basis(&self) -> Option<&AdvertisingBasis> {
        match self {
            Self::Advertise(basis, _) | Self::WithdrawOnly(basis, _) => Some(basis),
            Self::Silent(_) => None,
        }
    }

    /// Why nothing is advertised; `None` for [`Verdict::Advertise`].
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Advertise(..) => None,
            Self::WithdrawOnly(_, reason) | Self::Silent(reason) => Some(reason),
        }
    }
}

/// The link facts that every RA depends on, also a withdrawal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdvertisingBasis {
    /// The valid link-local address to send from.
    pub source: Ipv6Addr,
    /// With the link-layer address, which hosts also remember of a router.
    pub hardware: Hardware,
    /// The count of carrier gains: a guest may have restarted in between.
    pub carrier_ups: u32,
    /// Whether the host forwards the guest's packets at all.
    pub host_forwards: bool,
    /// The only preferred /64, if there is one.
    pub preferred: Option<PrefixInformation>,
    /// Prefixes whose addresses are all deprecated, with the remaining lifetimes.
    pub deprecated: Vec<PrefixInformation>,
    /// Prefixes of which no address is usable yet.
    pub pending: Vec<(Prefix64, Pending)>,
}

/// Why a prefix is not advertised although the interface has an address in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pending {
    /// The address is tentative.
    Tentative,
    /// Another node uses it.
    Duplicate,
    /// No route to the prefix leads out of the interface: guests could not be reached. Whoever added the
    /// address adds the route after it, and that route shows whether this is an uplink.
    Unrouted,
}

impl AdvertisingBasis {
    /// Whether no address in `prefix` is usable yet.
    #[must_use]
    pub fn is_pending(&self, prefix: Prefix64) -> bool {
        self.pending.iter().any(|&(pending, _)| pending == prefix)
    }
}

/// Evaluates the requirements on `link`, all but the one on its name. Those
/// that also rule out a withdrawal come first: [`Verdict::WithdrawOnly`] means
/// that the link is up, has a valid source, is not an uplink and is not served
/// by another daemon.
///
/// `source` is the address advertised from so far. It is kept while it is
/// valid, because hosts identify a router by it (RFC 4861, 6.2.8).
#[must_use]
pub fn judge(link: &Link, yields_to_other_daemon: bool, source: Option<Ipv6Addr>) -> Verdict {
    match basis(link, yields_to_other_daemon, source) {
        Err(reason) => Verdict::Silent(reason),
        Ok(basis) => conclude(link, basis),
    }
}

fn basis(
    link: &Link,
    yields_to_other_daemon: bool,
    source: Option<Ipv6Addr>,
) -> Result<AdvertisingBasis, Reason> {
    let has = |flag| link.flags & flag != 0;
    if has(IFF_LOOPBACK) {
        return Err(Reason::Loopback);
    }
    if let Hardware::Other(kind) = link.hardware {
        return Err(Reason::LinkType(kind));
    }
    if let Some(master) = link.port_of {
        return Err(Reason::Port(master));
    }
    if !has(IFF_UP) {
        return Err(Reason::Down);
    }
    if !has(IFF_RUNNING) {
        return Err(Reason::NoCarrier);
    }
    if !has(IFF_MULTICAST) {
        return Err(Reason::NoMulticast);
    }
    // The guest cannot resolve its router's link-layer address.
    if has(IFF_NOARP) && link.hardware != Hardware::Bare {
        return Err(Reason::NoNeighbourDiscovery);
    }
    let ipv6 = link.ipv6.ok_or(Reason::NoIpv6)?;
    if ipv6.disable_ipv6 != 0 {
        return Err(Reason::Ipv6Disabled);
    }
    // 1 is the default and means "unless forwarding".
    if ipv6.accept_ra >= 2 {
        return Err(Reason::AcceptsRas(ipv6.accept_ra));
    }
    match link.uplink_route {
        Some(route) if route.is_default() => return Err(Reason::UplinkRoute(route)),
        Some(route) => return Err(Reason::RouteFromRa(route)),
        None => {}
    }
    // Another router is on the link, even if its default route is gone.
    if let Some(learned) = link.addresses.iter().find(|a| a.is_from_ra()) {
        return Err(Reason::AddressFromRa(learned.local));
    }
    if yields_to_other_daemon {
        return Err(Reason::OtherDaemon);
    }
    let source = link_local(&link.addresses, source)?;
    let prefixes = Prefixes::of(&link.addresses);
    if let (Some(first), [_, ..]) = (prefixes.preferred, &prefixes.more[..]) {
        let more = prefixes.more.iter().map(|p| p.prefix);
        return Err(Reason::SeveralPrefixes(
            iter::once(first.prefix).chain(more).collect(),
        ));
    }
    Ok(AdvertisingBasis {
        source,
        hardware: link.hardware,
        host_forwards: link.host_forwards,
        carrier_ups: link.carrier_ups,
        preferred: prefixes.preferred,
        deprecated: prefixes.deprecated,
        pending: prefixes.pending,
    })
}

fn conclude(link: &Link, basis: AdvertisingBasis) -> Verdict {
    let forwarding = link.ipv6.map_or(0, |ipv6| ipv6.forwarding);
    if forwarding != 1 {
        return Verdict::WithdrawOnly(basis, Reason::NotForwarding(forwarding));
    }
    // Connections from a deprecated address continue (RFC 4862, 5.5.4) and need the router.
    let deprecated = || {
        let first = basis.deprecated.iter().find(|d| d.valid > Lifetime::ZERO)?;
        Some(PrefixInformation {
            preferred: Lifetime::ZERO,
            ..*first
        })
    };
    if let Some(prefix) = basis.preferred.or_else(deprecated) {
        return Verdict::Advertise(basis, prefix);
    }
    let reason = match basis.pending[..] {
        [(prefix, Pending::Tentative), ..] => Reason::PrefixTentative(prefix),
        [(prefix, Pending::Duplicate), ..] => Reason::PrefixDuplicate(prefix),
        [(prefix, Pending::Unrouted), ..] => Reason::PrefixUnrouted(prefix),
        [] => Reason::NoPrefix,
    };
    Verdict::WithdrawOnly(basis, reason)
}

/// The address to advertise from: the one used so far, else the oldest, which
/// an earlier process chose as well.
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

/// The routable /64 prefixes of an interface, each listed once, in the state of
/// its best address. A single preferred prefix, the usual case, allocates nothing.
struct Prefixes {
    preferred: Option<PrefixInformation>,
    /// Further preferred prefixes.
    more: Vec<PrefixInformation>,
    deprecated: Vec<PrefixInformation>,
    pending: Vec<(Prefix64, Pending)>,
}

impl Prefixes {
    fn of(addresses: &[Address]) -> Self {
        let mut all = Self {
            preferred: None,
            more: Vec::new(),
            deprecated: Vec::new(),
            pending: Vec::new(),
        };
        for address in addresses
            .iter()
            .filter(|a| a.prefix_len == 64 && is_routable(a.prefix_address))
        {
            let found = PrefixInformation {
                prefix: Prefix64::of(address.prefix_address),
                valid: address.valid.lower_bound(),
                preferred: address.preferred.lower_bound(),
            };
            match address.state() {
                AddressState::Tentative => all.pending.push((found.prefix, Pending::Tentative)),
                AddressState::Duplicate => all.pending.push((found.prefix, Pending::Duplicate)),
                _ if !address.is_routed => all.pending.push((found.prefix, Pending::Unrouted)),
                AddressState::Preferred => {
                    let first = all.preferred.get_or_insert(found);
                    if !lengthen(first, &found) {
                        merge(&mut all.more, found);
                    }
                }
                AddressState::Deprecated => merge(&mut all.deprecated, found),
            }
        }
        let preferred = || all.preferred.iter().chain(&all.more);
        all.deprecated
            .retain(|d| !preferred().any(|p| p.prefix == d.prefix));
        all.pending.retain(|&(pending, _)| {
            let known = |p: &PrefixInformation| p.prefix == pending;
            !preferred().chain(&all.deprecated).any(known)
        });
        all
    }
}

fn merge(prefixes: &mut Vec<PrefixInformation>, found: PrefixInformation) {
    if !prefixes.iter_mut().any(|known| lengthen(known, &found)) {
        prefixes.push(found);
    }
}

/// Raises the lifetimes of `known` to those of `found`: the longest-lived
/// address counts. Returns false if `found` is another prefix.
fn lengthen(known: &mut PrefixInformation, found: &PrefixInformation) -> bool {
    if known.prefix != found.prefix {
        return false;
    }
    known.valid = known.valid.max(found.valid);
    known.preferred = known.preferred.max(found.preferred);
    true
}

/// Global unicast or unique local (RFC 4291, 2.4 and 2.5.4 to 2.5.6). Former
/// site-local addresses are global unicast (RFC 3879, 4).
fn is_routable(address: Ipv6Addr) -> bool {
    !(address.is_unicast_link_local()
        || address.is_multicast()
        // ::/96 and ::ffff:0:0/96: unspecified, loopback, IPv4 in IPv6.
        || address.octets().starts_with(&[0; 8]))
}
