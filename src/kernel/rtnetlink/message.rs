//! Parses rtnetlink messages (rtnetlink(7), `linux/rtnetlink.h`).

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

use autora_core::interface_name::IfName;
use autora_core::lifetime::Lifetime;
use autora_core::link::{Address, Hardware, IFA_F_NOPREFIXROUTE, Ipv6Settings, LinkRoute};
use autora_core::neighbour::{Neighbour, NeighbourState, NeighbourTable};
use nix::libc;

/// The length of `struct nlmsghdr`.
pub(super) const HEADER_LEN: usize = 16;
/// The offset of `nlmsg_type` in it.
pub(super) const TYPE_AT: usize = 4;
/// The offset of `nlmsg_seq` in it.
pub(super) const SEQUENCE_AT: usize = 8;
/// The mask of `nla_type` without its two flags.
const ATTRIBUTE_TYPE: u16 = 0x3fff;
/// `AF_INET6` as the byte that it is in these messages.
pub(super) const INET6: u8 = 10;

// Values that the libc crate does not have for every target.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
pub(super) const IFLA_MASTER: u16 = 10;
pub(super) const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_CARRIER_UP_COUNT: u16 = 47;
const IFLA_INET6_CONF: u16 = 2;
const IFLA_INET6_ICMP6STATS: u16 = 6;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_PROTO: u16 = 11;
pub(super) const RTA_DST: u16 = 1;
pub(super) const RTA_OIF: u16 = 4;
pub(super) const RTA_MULTIPATH: u16 = 9;
const RTA_TABLE: u16 = 15;
/// Made of a Router Advertisement, by whoever reads those.
pub const RTPROT_RA: u8 = 9;
/// The types of routes that send nothing: local, broadcast, anycast, multicast,
/// blackhole, unreachable, prohibit, throw.
const NOT_SENT: RangeInclusive<u8> = 2..=9;
/// Indices into `IFLA_INET6_CONF` (`linux/ipv6.h`).
const DEVCONF_FORWARDING: usize = 0;
const DEVCONF_ACCEPT_RA: usize = 3;
const DEVCONF_DISABLE_IPV6: usize = 26;
/// Since Linux 6.17.
const DEVCONF_FORCE_FORWARDING: usize = 59;
const NETCONFA_FORWARDING: u16 = 2;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NDA_CACHEINFO: u16 = 3;
/// Proxied by this host, and not its neighbour.
const NTF_PROXY: u8 = 1 << 3;
const NDTA_THRESH3: u16 = 4;
const NDTA_CONFIG: u16 = 5;
const NDTA_STATS: u16 = 7;
/// The offset of `ndtc_entries` in `NDTA_CONFIG`, and that of `ndts_table_fulls` in `NDTA_STATS`
/// (`linux/neighbour.h`).
const NDTC_ENTRIES_AT: usize = 4;
const NDTS_TABLE_FULLS_AT: usize = 80;
/// What the kernel counts time in for user space: `USER_HZ` is 100 everywhere.
const TICK: Duration = Duration::from_millis(10);
/// Index into `IFLA_INET6_ICMP6STATS` (`linux/snmp.h`).
const ICMP6_MIB_OUTMSGS: usize = 3;

/// One message of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// `nlmsg_type`
    pub kind: u16,
    /// `nlmsg_flags`
    pub flags: u16,
    /// `nlmsg_seq`
    pub sequence: u32,
    /// The bytes after the header.
    pub body: &'a [u8],
}

/// The messages of a datagram, up to the first one that is malformed.
pub fn messages(datagram: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let len = usize::try_from(u32_at(rest, 0)?).ok()?;
        let message = Message {
            kind: u16_at(rest, TYPE_AT)?,
            flags: u16_at(rest, 6)?,
            sequence: u32_at(rest, SEQUENCE_AT)?,
            body: rest.get(HEADER_LEN..len)?,
        };
        rest = rest.get(aligned(len)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in `bytes`, up to the first one that is malformed.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & ATTRIBUTE_TYPE;
        let value = rest.get(4..len)?;
        rest = rest.get(aligned(len)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn attribute(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes)
        .find(|&(kind, _)| kind == wanted)
        .map(|(_, value)| value)
}

/// The content of an `RTM_NEWLINK`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkRecord {
    /// `ifi_index`
    pub ifindex: u32,
    /// `ifi_flags`
    pub flags: u32,
    /// `ifi_type` and `IFLA_ADDRESS`
    pub hardware: Hardware,
    /// `IFLA_IFNAME`
    pub name: IfName,
    /// `IFLA_MASTER`, except for a VRF by `IFLA_LINKINFO`, `IFLA_INFO_SLAVE_KIND`
    pub port_of: Option<u32>,
    /// `IFLA_CARRIER_UP_COUNT`
    pub carrier_ups: u32,
    /// `IFLA_AF_SPEC`, `AF_INET6`, `IFLA_INET6_CONF`
    pub ipv6: Option<Ipv6Settings>,
    /// `force_forwarding`, in the same attribute; false if the kernel has no such setting.
    pub forces_forwarding: bool,
    /// `IFLA_AF_SPEC`, `AF_INET6`, `IFLA_INET6_ICMP6STATS`: how many `ICMPv6`
    /// messages of all types were sent on it, except by packet sockets.
    pub icmpv6_sent: Option<u64>,
}

impl LinkRecord {
    /// Parses the body of an `RTM_NEWLINK`; `None` if it is malformed.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut name = None;
        let mut mac = None;
        let (mut master, mut is_in_vrf) = (None, false);
        let mut forces_forwarding = false;
        let mut carrier_ups = 0;
        let (mut ipv6, mut icmpv6_sent) = (None, None);
        for (kind, value) in attributes(body.get(16..)?) {
            match kind {
                IFLA_ADDRESS => mac = value.try_into().ok(),
                IFLA_IFNAME => name = IfName::new(value.split(|&b| b == 0).next()?).ok(),
                IFLA_MASTER => master = u32_at(value, 0),
                IFLA_LINKINFO => {
                    let kind = attribute(value, IFLA_INFO_SLAVE_KIND).unwrap_or_default();
                    is_in_vrf = kind.strip_suffix(&[0]).unwrap_or(kind) == b"vrf";
                }
                IFLA_CARRIER_UP_COUNT => carrier_ups = u32_at(value, 0)?,
                IFLA_AF_SPEC => {
                    let inet6 = attribute(value, u16::from(INET6)).unwrap_or_default();
                    ipv6 = settings(inet6);
                    let conf = attribute(inet6, IFLA_INET6_CONF).unwrap_or_default();
                    let force = i32_at(conf, DEVCONF_FORCE_FORWARDING * 4);
                    forces_forwarding = force.is_some_and(|value| value != 0);
                    icmpv6_sent = attribute(inet6, IFLA_INET6_ICMP6STATS)
                        .and_then(|counters| u64_at(counters, ICMP6_MIB_OUTMSGS * 8));
                }
                _ => {}
            }
        }
        let hardware = match (u16_at(body, 2)?, mac) {
            (libc::ARPHRD_ETHER, Some(mac)) => Hardware::Ethernet(mac),
            (libc::ARPHRD_NONE, _) => Hardware::Bare,
            (other, _) => Hardware::Other(other),
        };
        Some(Self {
            ifindex: u32_at(body, 4)?,
            flags: u32_at(body, 8)?,
            hardware,
            name: name?,
            port_of: master.filter(|_| !is_in_vrf),
            carrier_ups,
            ipv6,
            forces_forwarding,
            icmpv6_sent,
        })
    }
}

fn settings(inet6: &[u8]) -> Option<Ipv6Settings> {
    let conf = attribute(inet6, IFLA_INET6_CONF)?;
    let setting = |index: usize| i32_at(conf, index * 4);
    Some(Ipv6Settings {
        forwarding: setting(DEVCONF_FORWARDING)?,
        accept_ra: setting(DEVCONF_ACCEPT_RA)?,
        disable_ipv6: setting(DEVCONF_DISABLE_IPV6)?,
    })
}

/// Parses the body of an `RTM_NEWADDR` into the interface's index and the
/// address; `None` if it is malformed or not about IPv6. With `IFA_F_NOPREFIXROUTE` it
/// counts as not routed.
#[must_use]
pub fn parse_address(body: &[u8]) -> Option<(u32, Address)> {
    let &[family, prefix_len, flags, ..] = body else {
        return None;
    };
    if family != INET6 {
        return None;
    }
    let ifindex = u32_at(body, 4)?;
    let (mut prefix_address, mut local) = (None, None);
    let mut flags = u32::from(flags);
    let (mut preferred, mut valid, mut created) = (Lifetime::INFINITE, Lifetime::INFINITE, 0);
    let mut protocol = 0;
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            IFA_ADDRESS => prefix_address = Some(ipv6(value)?),
            IFA_LOCAL => local = Some(ipv6(value)?),
            IFA_FLAGS => flags = u32_at(value, 0)?,
            IFA_PROTO => protocol = *value.first()?,
            IFA_CACHEINFO => {
                preferred = Lifetime::from_bits(u32_at(value, 0)?);
                valid = Lifetime::from_bits(u32_at(value, 4)?);
                created = u32_at(value, 8)?;
            }
            _ => {}
        }
    }
    let prefix_address = prefix_address?;
    let address = Address {
        local: local.unwrap_or(prefix_address),
        prefix_address,
        prefix_len,
        flags,
        valid,
        preferred,
        created,
        protocol,
        is_routed: flags & IFA_F_NOPREFIXROUTE == 0,
    };
    Some((ifindex, address))
}

/// Reads `forwarding` in the body of an `RTM_NEWNETCONF`.
#[must_use]
pub(super) fn netconf_forwarding(body: &[u8]) -> Option<i32> {
    i32_at(attribute(body.get(4..)?, NETCONFA_FORWARDING)?, 0)
}

/// Reads the body of an `RTM_NEWROUTE`: a unicast route out of the interface
/// `ifindex`. Where it does not say what interface it leads out of,
/// it is taken to be this one, as the kernel was asked for no others.
#[must_use]
pub fn link_route(body: &[u8], ifindex: u32) -> Option<LinkRoute> {
    if body.first() != Some(&INET6) {
        return None;
    }
    let mut route = LinkRoute {
        prefix: Ipv6Addr::UNSPECIFIED,
        prefix_len: body.get(1).copied().unwrap_or(0),
        table: body.get(4).copied().map_or(0, u32::from),
        is_from_ra: body.get(5) == Some(&RTPROT_RA),
    };
    let (mut leads_elsewhere, mut leads_here) = (false, false);
    for (kind, value) in attributes(body.get(12..).unwrap_or_default()) {
        let mut leads_to = |out| {
            leads_here |= out == ifindex;
            leads_elsewhere |= out != ifindex;
        };
        match kind {
            RTA_DST => route.prefix = ipv6(value).unwrap_or(route.prefix),
            RTA_TABLE => route.table = u32_at(value, 0).unwrap_or(route.table),
            RTA_OIF => u32_at(value, 0).into_iter().for_each(&mut leads_to),
            RTA_MULTIPATH => next_hops(value).for_each(&mut leads_to),
            _ => {}
        }
    }
    let carries_packets = body.get(7).is_none_or(|kind| !NOT_SENT.contains(kind));
    // Older kernels have ff00::/8 as a route like any other.
    let is_unicast = !route.prefix.is_multicast();
    (carries_packets && is_unicast)
        .then_some(route)
        .filter(|_| leads_here || !leads_elsewhere)
}

/// Parses the body of an `RTM_NEWNEIGH` into the interface's index and the neighbour; `None` if it is
/// malformed or no IPv6 neighbour: a multicast group, an address that this host answers for.
#[must_use]
pub fn parse_neighbour(body: &[u8]) -> Option<(u32, Neighbour)> {
    if body.first() != Some(&INET6) || body.get(10)? & NTF_PROXY != 0 {
        return None;
    }
    let ifindex = u32_at(body, 4)?;
    let state = NeighbourState::from_bits(u16_at(body, 8)?)?;
    let (mut address, mut mac, mut age) = (None, None, None);
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            NDA_DST => address = Some(ipv6(value)?),
            NDA_LLADDR => mac = value.try_into().ok(),
            // When it was confirmed, used, and updated. The time of confirmation of one that never was
            // lies a minute before it was made.
            NDA_CACHEINFO => age = Some(TICK * u32_at(value, 0)?.min(u32_at(value, 8)?)),
            _ => {}
        }
    }
    let address = address.filter(|it| !it.is_multicast() && !it.is_unspecified())?;
    let neighbour = Neighbour {
        address,
        mac,
        state,
        age: age?,
    };
    Some((ifindex, neighbour))
}

/// Reads the body of an `RTM_NEWNEIGHTBL` about the IPv6 table itself; `None` if it is about one
/// interface's share, or malformed.
#[must_use]
pub fn parse_neighbour_table(body: &[u8]) -> Option<NeighbourTable> {
    if body.first() != Some(&INET6) {
        return None;
    }
    let (mut limit, mut entries, mut refused) = (None, None, 0);
    for (kind, value) in attributes(body.get(4..)?) {
        match kind {
            NDTA_THRESH3 => limit = Some(u32_at(value, 0)?),
            NDTA_CONFIG => entries = Some(u32_at(value, NDTC_ENTRIES_AT)?),
            NDTA_STATS => refused = u64_at(value, NDTS_TABLE_FULLS_AT)?,
            _ => {}
        }
    }
    Some(NeighbourTable {
        entries: entries?,
        limit: limit?,
        refused,
    })
}

/// The interfaces of a `struct rtnexthop` sequence.
pub(super) fn next_hops(bytes: &[u8]) -> impl Iterator<Item = u32> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let len = usize::from(u16_at(rest, 0)?);
        let ifindex = u32_at(rest, 4)?;
        rest = rest.get(aligned(len)..).unwrap_or_default();
        Some(ifindex)
    })
}

fn aligned(len: usize) -> usize {
    // A length below the header's would make an iterator loop endlessly.
    len.max(4).next_multiple_of(4)
}

pub(super) fn ipv6(value: &[u8]) -> Option<Ipv6Addr> {
    <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from)
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_ne_bytes(*b))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_ne_bytes(*b))
}

pub(super) fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..)?.first_chunk().map(|b| i32::from_ne_bytes(*b))
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_ne_bytes(*b))
}
