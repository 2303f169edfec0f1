//! Why nothing is advertised.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv6Addr;

use crate::link::LinkRoute;
use crate::prefix::Prefix64;

/// Why an interface is not advertised; [`Reason::key`] names it in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The state could not be read.
    Unreadable(String),
    /// The loopback interface.
    Loopback,
    /// Neither Ethernet nor bare IP; the `ARPHRD_*` value.
    LinkType(u16),
    /// A port of the bridge, bond, team or Open vSwitch with this index.
    Port(u32),
    /// Not `IFF_UP`.
    Down,
    /// Not `IFF_RUNNING`.
    NoCarrier,
    /// Not `IFF_MULTICAST`.
    NoMulticast,
    /// `IFF_NOARP`: the kernel does no neighbour discovery on a link that needs it.
    NoNeighbourDiscovery,
    /// The kernel does not run IPv6 on it, for example with an MTU below 1280.
    NoIpv6,
    /// `disable_ipv6` is set.
    Ipv6Disabled,
    /// It accepts Router Advertisements although it forwards: an uplink. The value of `accept_ra`.
    AcceptsRas(i32),
    /// An IPv6 default route, or another very short prefix, goes out of it: an uplink.
    UplinkRoute(LinkRoute),
    /// A route that was learned from a Router Advertisement goes out of it: an uplink.
    RouteFromRa(LinkRoute),
    /// This address was learned from a Router Advertisement: another router is on the link.
    AddressFromRa(Ipv6Addr),
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
    /// `forwarding` is not 1; its value.
    NotForwarding(i32),
    /// No /64 at all.
    NoPrefix,
    /// The only /64 is not valid yet.
    PrefixTentative(Prefix64),
    /// The only address inside a /64 belongs to another node.
    PrefixDuplicate(Prefix64),
    /// No route to the only /64 leads out of the interface.
    PrefixUnrouted(Prefix64),
}

impl Reason {
    /// A stable name for the journal field `AUTORA_REASON` and for scripts.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Loopback => "loopback",
            Self::LinkType(_) => "link-type",
            Self::Port(_) => "port",
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::NoMulticast => "no-multicast",
            Self::NoNeighbourDiscovery => "no-neighbour-discovery",
            Self::NoIpv6 => "no-ipv6",
            Self::Ipv6Disabled => "ipv6-disabled",
            Self::AcceptsRas(_) => "uplink-accepts-ra",
            Self::UplinkRoute(_) => "uplink-default-route",
            Self::RouteFromRa(_) => "route-from-ra",
            Self::AddressFromRa(_) => "address-from-ra",
            Self::OtherDaemon => "other-daemon",
            Self::NoLinkLocal => "no-link-local",
            Self::LinkLocalTentative(_) => "link-local-tentative",
            Self::LinkLocalDuplicate(_) => "link-local-duplicate",
            Self::SeveralPrefixes(_) => "several-prefixes",
            Self::NotForwarding(_) => "not-forwarding",
            Self::NoPrefix => "no-prefix",
            Self::PrefixTentative(_) => "prefix-tentative",
            Self::PrefixDuplicate(_) => "prefix-duplicate",
            Self::PrefixUnrouted(_) => "prefix-unrouted",
        }
    }

    /// Whether it normally clears by itself.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Down
            | Self::NoCarrier
            | Self::NoLinkLocal
            | Self::LinkLocalTentative(_)
            | Self::PrefixTentative(_)
            | Self::PrefixUnrouted(_) => true,
            Self::Unreadable(_)
            | Self::Loopback
            | Self::LinkType(_)
            | Self::NoMulticast
            | Self::NoIpv6
            | Self::Ipv6Disabled
            | Self::AcceptsRas(_)
            | Self::UplinkRoute(_)
            | Self::RouteFromRa(_)
            | Self::AddressFromRa(_)
            | Self::Port(_)
            | Self::NoNeighbourDiscovery
            | Self::OtherDaemon
            | Self::LinkLocalDuplicate(_)
            | Self::SeveralPrefixes(_)
            | Self::NotForwarding(_)
            | Self::NoPrefix
            | Self::PrefixDuplicate(_) => false,
        }
    }

    /// Whether it may end without a kernel event. The kernel announces neither
    /// changes of `accept_ra` and `disable_ipv6`, nor the removal of a route
    /// that is replaced by one on another interface; of a route to a prefix
    /// shorter than a /64 no event is received.
    #[must_use]
    pub fn may_end_unnoticed(&self) -> bool {
        matches!(
            self,
            Self::AcceptsRas(_)
                | Self::Ipv6Disabled
                | Self::UplinkRoute(_)
                | Self::RouteFromRa(_)
                | Self::PrefixUnrouted(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_the_loop_can_tell_reasons_apart() {
        // Reason, key, clears by itself, may end unnoticed.
        for (reason, key, transient, unnoticed) in [
            (Reason::NoCarrier, "no-carrier", true, false),
            (Reason::NoMulticast, "no-multicast", false, false),
            (Reason::Ipv6Disabled, "ipv6-disabled", false, true),
            (Reason::AcceptsRas(2), "uplink-accepts-ra", false, true),
            (Reason::OtherDaemon, "other-daemon", false, false),
        ] {
            assert_eq!(reason.key(), key);
            assert_eq!(reason.is_transient(), transient, "{key}");
            assert_eq!(reason.may_end_unnoticed(), unnoticed, "{key}");
        }
    }
}
