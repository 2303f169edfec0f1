//! A snapshot of the interface's state.

use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;

use crate::interface_name::IfName;
use crate::lifetime::Lifetime;

// Flags of a link (`linux/if.h`).

/// The interface is administratively up.
pub const IFF_UP: u32 = 1 << 0;
/// The interface is the loopback interface.
pub const IFF_LOOPBACK: u32 = 1 << 3;
/// The interface has carrier.
pub const IFF_RUNNING: u32 = 1 << 6;
/// The kernel does no neighbour discovery on the interface.
pub const IFF_NOARP: u32 = 1 << 7;
/// The interface supports multicast.
pub const IFF_MULTICAST: u32 = 1 << 12;

// Flags of an address (`linux/if_addr.h`).

/// Duplicate Address Detection found that another node uses the address.
pub const IFA_F_DADFAILED: u32 = 1 << 3;
/// The preferred lifetime has expired.
pub const IFA_F_DEPRECATED: u32 = 1 << 5;
/// Duplicate Address Detection has not finished.
pub const IFA_F_TENTATIVE: u32 = 1 << 6;
/// The valid lifetime is infinite.
pub const IFA_F_PERMANENT: u32 = 1 << 7;
/// The kernel makes temporary addresses of its prefix (RFC 8981).
pub const IFA_F_MANAGETEMPADDR: u32 = 1 << 8;
/// The kernel adds no route for its prefix: whoever added the address does.
pub const IFA_F_NOPREFIXROUTE: u32 = 1 << 9;

/// The kernel made it from a Router Advertisement (`IFAPROT_KERNEL_RA`).
pub const IFAPROT_KERNEL_RA: u8 = 2;

/// The interface's state as read from the kernel at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The kernel's index. It is unique within the network namespace, but may
    /// be used again after the interface is deleted.
    pub ifindex: u32,
    /// The current name.
    pub name: IfName,
    /// `ifi_flags` of `RTM_NEWLINK`: `IFF_*`.
    pub flags: u32,
    /// The link type.
    pub hardware: Hardware,
    /// The index of the bridge, bond, team or Open vSwitch that the interface is a
    /// port of, and that takes all received frames. Not a VRF, which does not.
    pub port_of: Option<u32>,
    /// How often the carrier has come up (`IFLA_CARRIER_UP_COUNT`).
    pub carrier_ups: u32,
    /// The IPv6 settings; `None` if the kernel does not run IPv6 on the interface.
    pub ipv6: Option<Ipv6Settings>,
    /// Whether the host forwards packets received on the interface: `all.forwarding`,
    /// or the interface's `force_forwarding`.
    pub host_forwards: bool,
    /// All IPv6 addresses of the interface.
    pub addresses: Vec<Address>,
    /// A route that leads out of the interface, in any table, and makes it an uplink.
    pub uplink_route: Option<LinkRoute>,
    /// How many Router Advertisements other programs of this host sent on the
    /// interface since it was created (`Icmp6OutType134`). The kernel does not
    /// count packet sockets, so autora's own are not included.
    pub foreign_ras: u64,
}

/// A route that leads out of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkRoute {
    /// The destination.
    pub prefix: Ipv6Addr,
    /// The length of its prefix in bits: 0 for a default route.
    pub prefix_len: u8,
    /// The number of its table.
    pub table: u32,
    /// Whether it was learned from a Router Advertisement (`RTPROT_RA`), by
    /// whoever reads those.
    pub is_from_ra: bool,
}

impl LinkRoute {
    /// No network has a shorter prefix than this, so a route to one serves as a
    /// default route, as `2000::/3` and the halves `::/1` and `8000::/1` do.
    pub const SHORTEST_ASSIGNED: u8 = 16;

    /// Whether it serves as a default route.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.prefix_len < Self::SHORTEST_ASSIGNED
    }

    /// Whether only an uplink has such a route.
    #[must_use]
    pub fn makes_an_uplink(&self) -> bool {
        self.is_default() || self.is_from_ra
    }

    /// Whether it leads to all of the /64 of `address`.
    #[must_use]
    pub fn leads_to_prefix_of(&self, address: Ipv6Addr) -> bool {
        let differ = (self.prefix.to_bits() ^ address.to_bits()).leading_zeros();
        self.prefix_len <= 64 && differ >= u32::from(self.prefix_len)
    }
}

impl fmt::Display for LinkRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix_len {
            0 => f.write_str("default")?,
            len => write!(f, "{}/{len}", self.prefix)?,
        }
        match self.table {
            RT_TABLE_MAIN => f.write_str(" table main"),
            other => write!(f, " table {other}"),
        }
    }
}

const RT_TABLE_MAIN: u32 = 254;

/// What distinguishes a link from every other one since boot.
///
/// Names, indices and inodes of namespaces are used again;
/// `namespace_cookie` and `link_id` are not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkIdentity {
    /// The name, which may change.
    pub name: IfName,
    /// The kernel's index.
    pub ifindex: u32,
    /// The inode of the network namespace.
    pub namespace: u64,
    /// The kernel's cookie for the namespace; `None` before Linux 5.14.
    pub namespace_cookie: Option<u64>,
    /// The inode of its directory in sysfs; `None` if that is not available.
    pub link_id: Option<u64>,
}

impl LinkIdentity {
    /// Whether `other` is the same link, possibly under another name. A number
    /// that one of them lacks is not compared.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let same_if_known = |a: Option<u64>, b: Option<u64>| a.is_none() || b.is_none() || a == b;
        let is_known = self.link_id.is_some() && other.link_id.is_some();
        self.ifindex == other.ifindex
            && self.namespace == other.namespace
            && same_if_known(self.namespace_cookie, other.namespace_cookie)
            && same_if_known(self.link_id, other.link_id)
            && (is_known || self.name == other.name)
    }
}

/// How packets are framed on the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hardware {
    /// `ARPHRD_ETHER`, with the interface's own address.
    Ethernet([u8; 6]),
    /// `ARPHRD_NONE`: IP packets without a link-layer header, as on a tun.
    Bare,
    /// Any other `ARPHRD_*` value. Such a link is not served.
    Other(u16),
}

/// The per-interface sysctls that decide whether autora advertises
/// (`Documentation/networking/ip-sysctl.rst`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv6Settings {
    /// `net.ipv6.conf.X.forwarding`
    pub forwarding: i32,
    /// `net.ipv6.conf.X.accept_ra`
    pub accept_ra: i32,
    /// `net.ipv6.conf.X.disable_ipv6`
    pub disable_ipv6: i32,
}

/// An address of the interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// The address itself: `IFA_LOCAL` if present, else `IFA_ADDRESS`.
    pub local: Ipv6Addr,
    /// The address whose prefix is served: `IFA_ADDRESS`. It differs from
    /// `local` only if a peer is configured, and is then the peer's address.
    #[expect(clippy::struct_field_names, reason = "`prefix` would be no address")]
    pub prefix_address: Ipv6Addr,
    /// The length of the prefix in bits, 0 to 128.
    pub prefix_len: u8,
    /// `IFA_F_*`
    pub flags: u32,
    /// The remaining valid lifetime.
    pub valid: Lifetime,
    /// The remaining preferred lifetime.
    pub preferred: Lifetime,
    /// The creation time in hundredths of a second since boot (`cstamp` of
    /// `struct ifa_cacheinfo`).
    pub created: u32,
    /// `IFA_PROTO`: the origin of the address; 0 if it is not known.
    pub protocol: u8,
    /// Whether packets to its prefix leave by the interface. This is looked up only with
    /// [`IFA_F_NOPREFIXROUTE`]: otherwise the kernel has added a route with the address.
    pub is_routed: bool,
}

/// The state of an address (RFC 4862, 5.4 and 5.5.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressState {
    /// Duplicate Address Detection has not finished.
    Tentative,
    /// Another node uses it.
    Duplicate,
    /// Valid, but not for new connections.
    Deprecated,
    /// Valid and preferred.
    Preferred,
}

impl Address {
    /// The state by the flags and the preferred lifetime. A failed Duplicate
    /// Address Detection takes precedence over tentative.
    #[must_use]
    pub fn state(&self) -> AddressState {
        if self.flags & IFA_F_DADFAILED != 0 {
            AddressState::Duplicate
        } else if self.flags & IFA_F_TENTATIVE != 0 {
            AddressState::Tentative
        } else if self.flags & IFA_F_DEPRECATED != 0 || self.preferred == Lifetime::ZERO {
            AddressState::Deprecated
        } else {
            AddressState::Preferred
        }
    }

    /// Whether it was made from a Router Advertisement that this host received.
    ///
    /// The kernel marks the addresses that it made itself. Of the programs that
    /// process advertisements instead, systemd-networkd and dhcpcd set both flags
    /// on such an address, and never both on an address of a delegated prefix.
    /// `NetworkManager` sets no mark: only its routes show it, which it adds after
    /// the address ([`Address::is_routed`]).
    #[must_use]
    pub fn is_from_ra(&self) -> bool {
        const BY_A_PROGRAM: u32 = IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE;
        self.protocol == IFAPROT_KERNEL_RA || self.flags & BY_A_PROGRAM == BY_A_PROGRAM
    }

    /// Whether it is valid as a source address: deprecated or preferred.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        matches!(self.state(), AddressState::Deprecated | AddressState::Preferred)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A link that meets every requirement.
    pub(crate) fn eligible() -> Link {
        Link {
            ifindex: 7,
            name: IfName::new(b"tap-vm-1").unwrap(),
            flags: IFF_UP | IFF_RUNNING | IFF_MULTICAST,
            hardware: Hardware::Ethernet([2, 0, 0, 0, 0, 1]),
            port_of: None,
            carrier_ups: 1,
            ipv6: Some(Ipv6Settings {
                forwarding: 1,
                accept_ra: 1,
                disable_ipv6: 0,
            }),
            addresses: vec![address("fe80::1"), address("2001:db8:1::1")],
            host_forwards: true,
            uplink_route: None,
            foreign_ras: 0,
        }
    }

    /// A permanent address with a prefix of 64 bits.
    pub(crate) fn address(text: &str) -> Address {
        let local = text.parse().unwrap();
        Address {
            local,
            prefix_address: local,
            prefix_len: 64,
            flags: IFA_F_PERMANENT,
            valid: Lifetime::INFINITE,
            preferred: Lifetime::INFINITE,
            created: 100,
            protocol: 0,
            is_routed: true,
        }
    }

    #[test]
    fn a_link_is_distinguished_from_one_of_the_same_index() {
        let link = LinkIdentity {
            name: IfName::new(b"tap-vm-1").unwrap(),
            ifindex: 7,
            namespace: 1,
            namespace_cookie: Some(2),
            link_id: Some(3),
        };
        let renamed = LinkIdentity {
            name: IfName::new(b"tap-vm-2").unwrap(),
            ..link
        };
        let unknown = LinkIdentity {
            namespace_cookie: None,
            link_id: None,
            ..link
        };
        assert!(link.is_same(&link) && link.is_same(&renamed) && link.is_same(&unknown));
        assert!(!unknown.is_same(&renamed));
        for other in [
            LinkIdentity { ifindex: 8, ..link },
            LinkIdentity { namespace: 9, ..link },
            LinkIdentity {
                namespace_cookie: Some(9),
                ..link
            },
            LinkIdentity {
                link_id: Some(9),
                ..link
            },
        ] {
            assert!(!link.is_same(&other) && !other.is_same(&link), "{other:?}");
        }
    }

    #[test]
    fn a_route_serves_as_default_if_its_prefix_is_shorter_than_any_assigned_one() {
        let is_default = |prefix_len| {
            let route = LinkRoute {
                prefix: Ipv6Addr::UNSPECIFIED,
                prefix_len,
                table: 254,
                is_from_ra: false,
            };
            route.is_default()
        };
        assert!(is_default(0) && is_default(3) && is_default(15));
        assert!(!is_default(16) && !is_default(64));
    }

    #[test]
    fn a_route_leads_to_a_64_that_it_covers_whole() {
        let leads = |prefix: &str, prefix_len| {
            let route = LinkRoute {
                prefix: prefix.parse().unwrap(),
                prefix_len,
                table: 254,
                is_from_ra: false,
            };
            route.leads_to_prefix_of("2001:db8:1:ff::1".parse().unwrap())
        };
        assert!(leads("2001:db8:1:ff::", 64) && leads("2001:db8:1:f0::", 60) && leads("2001:db8:1::", 48));
        assert!(!leads("2001:db8:1:fe::", 64) && !leads("2001:db8:1:e0::", 60) && !leads("fe80::", 64));
        // Guests have other addresses of the prefix too.
        assert!(!leads("2001:db8:1:ff::1", 128) && !leads("2001:db8:1:ff::", 65));
    }

    #[test]
    fn an_address_shows_that_it_was_advertised() {
        let is_from_ra = |flags, protocol| {
            let address = Address {
                flags,
                protocol,
                ..address("2001:db8::1")
            };
            address.is_from_ra()
        };
        // The kernel's; systemd-networkd's and dhcpcd's.
        assert!(is_from_ra(0x100, 2) && is_from_ra(0x300, 0));
        // An operator's; systemd-networkd's and dhcpcd's of a delegated prefix; the kernel's link-local one.
        assert!(
            !is_from_ra(0x80, 0) && !is_from_ra(0x100, 0) && !is_from_ra(0x200, 0) && !is_from_ra(0x80, 3)
        );
    }

    #[test]
    fn an_uplink_route_is_shown_as_ip_shows_it() {
        let route = LinkRoute {
            prefix: "2000::".parse().unwrap(),
            prefix_len: 3,
            table: 100,
            is_from_ra: false,
        };
        assert_eq!(route.to_string(), "2000::/3 table 100");
        let default = LinkRoute {
            prefix_len: 0,
            table: 254,
            ..route
        };
        assert_eq!(default.to_string(), "default table main");
    }

    #[test]
    fn a_duplicate_takes_precedence_over_tentative() {
        let mut a = address("fe80::1");
        a.flags |= IFA_F_TENTATIVE | IFA_F_DADFAILED;
        assert_eq!(a.state(), AddressState::Duplicate);
        assert!(!a.is_valid());
    }

    #[test]
    fn a_preferred_lifetime_of_zero_means_deprecated() {
        let mut a = address("2001:db8::1");
        a.preferred = Lifetime::ZERO;
        assert_eq!(a.state(), AddressState::Deprecated);
        assert!(a.is_valid());
    }
}
