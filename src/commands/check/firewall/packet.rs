//! The values that nftables' expressions have for a packet, as far as they are known.
//!
//! The expressions below are a closed list, in exactly the form in which nft
//! lists them. Any other expression, or form of one, has an unknown value.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use serde_json::Value;

/// `IPPROTO_TCP`
const TCP: u128 = 6;
/// `IPPROTO_ICMPV6`
const ICMPV6: u128 = 58;
/// `NFPROTO_IPV6`
const NFPROTO_IPV6: u128 = 10;

/// One packet at one hook. `None` means any value.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub payload: Payload,
    /// The interface that it was received on.
    pub input: Interface,
    /// The interface that it is sent out of.
    pub output: Interface,
    /// One of these addresses.
    pub source: Option<RangeInclusive<u128>>,
    /// One of these addresses.
    pub destination: Option<RangeInclusive<u128>>,
    /// Whether the hook belongs to IPv6: `meta nfproto` has other values at other hooks.
    pub is_at_ip: bool,
    /// The bit of `ct state`; `None` before connection tracking.
    pub ct_state: Option<u128>,
}

/// The payload of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Payload {
    /// Neighbour discovery with this type of `ICMPv6`, and hop limit 255.
    Discovery(u8),
    /// A TCP segment with these ports.
    Tcp {
        /// `tcp sport`
        from: u16,
        /// `tcp dport`
        to: u16,
    },
}

/// Bits of `ct state` (`NF_CT_STATE_BIT`).
pub(super) mod ct_state {
    /// A packet of a connection that both ends have sent on.
    pub(crate) const ESTABLISHED: u128 = 2;
    /// The first packet of a connection.
    pub(crate) const NEW: u128 = 8;
    /// Not tracked, as all neighbour discovery.
    pub(crate) const UNTRACKED: u128 = 64;
}

/// The input or output interface of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Interface {
    /// The interface with this name.
    Named(String),
    /// An interface with an unknown name.
    Unknown,
    /// No interface at this hook: nftables then compares with an empty name.
    None,
}

/// The addresses of the prefix of `len` bits that `address` is in.
pub(super) fn network(address: Ipv6Addr, len: u32) -> RangeInclusive<u128> {
    let host_bits = u128::MAX.checked_shr(len).unwrap_or(0);
    let address = address.to_bits();
    address & !host_bits..=address | host_bits
}

/// The value of an expression for a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Datum {
    /// A number or an address in this range.
    Number(RangeInclusive<u128>),
    /// `ETH_P_IPV6`, in either byte order.
    EtherType,
    /// The name of an interface.
    Name(String),
    /// The packet has no such field, as neighbour discovery has no TCP port: no
    /// comparison matches.
    Absent,
    /// The value is not known here, or not even whether the packet has the field.
    Unknown,
}

impl Packet {
    /// The value of the expression on the left side of a match.
    pub(super) fn value(&self, expression: &Value) -> Datum {
        let Some((kind, fields)) = the_only(expression) else {
            return Datum::Unknown;
        };
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        // A further field changes the meaning, such as the one for the inner header of a tunnel.
        match (kind, fields.as_object().map_or(0, serde_json::Map::len)) {
            ("meta", 1) => self.meta(text("key")),
            ("payload", 2) => self.payload(text("protocol"), text("field")),
            ("ct", 1) if text("key") == "state" => self.ct_state.map_or(Datum::Unknown, one),
            _ => Datum::Unknown,
        }
    }

    fn meta(&self, key: &str) -> Datum {
        match key {
            "iifname" | "iif" => name(&self.input),
            "oifname" | "oif" => name(&self.output),
            "protocol" => Datum::EtherType,
            "nfproto" if self.is_at_ip => one(NFPROTO_IPV6),
            "l4proto" => self.protocol(),
            _ => Datum::Unknown,
        }
    }

    fn payload(&self, protocol: &str, field: &str) -> Datum {
        let address = |known: &Option<_>| known.clone().map_or(Datum::Unknown, Datum::Number);
        match (protocol, field, self.payload) {
            ("ip6", "version", _) => one(6_u8),
            ("ip6", "nexthdr", _) => self.protocol(),
            ("ip6", "saddr", _) => address(&self.source),
            ("ip6", "daddr", _) => address(&self.destination),
            ("ip6", "hoplimit", Payload::Discovery(_)) => one(255_u8),
            ("icmpv6", "type", Payload::Discovery(kind)) => one(kind),
            ("icmpv6", "code", Payload::Discovery(_)) => one(0_u8),
            ("tcp" | "th", "sport", Payload::Tcp { from, .. }) => one(from),
            ("tcp" | "th", "dport", Payload::Tcp { to, .. }) => one(to),
            ("icmpv6", _, Payload::Tcp { .. })
            | ("tcp", _, Payload::Discovery(_))
            | (
                "ip" | "arp" | "icmp" | "igmp" | "udp" | "udplite" | "sctp" | "dccp" | "esp" | "ah" | "comp",
                ..,
            ) => Datum::Absent,
            _ => Datum::Unknown,
        }
    }

    fn protocol(&self) -> Datum {
        one(match self.payload {
            Payload::Discovery(_) => ICMPV6,
            Payload::Tcp { .. } => TCP,
        })
    }
}

/// The key and the value of an object with exactly one entry.
pub(super) fn the_only(object: &Value) -> Option<(&str, &Value)> {
    let mut entries = object.as_object()?.iter();
    let (key, value) = entries.next()?;
    entries.next().is_none().then_some((key, value))
}

fn one(number: impl Into<u128>) -> Datum {
    let number = number.into();
    Datum::Number(number..=number)
}

fn name(interface: &Interface) -> Datum {
    match interface {
        Interface::Named(name) => Datum::Name(name.clone()),
        Interface::Unknown => Datum::Unknown,
        Interface::None => Datum::Name(String::new()),
    }
}
