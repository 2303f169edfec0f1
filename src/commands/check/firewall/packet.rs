//! A packet as nftables' expressions see it, as far as it is known.
//!
//! The expressions named here are those that are understood, in exactly the
//! form in which nft lists them. All others, and all other forms of these,
//! give what cannot be told.

use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

use serde_json::Value;

/// `IPPROTO_TCP`
const TCP: u128 = 6;
/// `IPPROTO_ICMPV6`
const ICMPV6: u128 = 58;
/// `NFPROTO_IPV6`
const NFPROTO_IPV6: u128 = 10;

/// One packet at one hook. What is `None` may be anything.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    /// What it carries.
    pub payload: Payload,
    /// The interface that it came in by.
    pub input: Interface,
    /// The interface that it leaves by.
    pub output: Interface,
    /// Where it comes from.
    pub source: Option<RangeInclusive<u128>>,
    /// Where it goes to.
    pub destination: Option<RangeInclusive<u128>>,
    /// Whether the hook is one of IPv6. Others have numbers of their own for
    /// `meta nfproto`.
    pub is_at_ip: bool,
    /// The bit of `ct state`; `None` where connections are not tracked yet.
    pub ct_state: Option<u128>,
}

/// What a packet carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Payload {
    /// Neighbour discovery with this type of `ICMPv6`, and hop limit 255.
    Discovery(u8),
    /// A TCP connection with these ports.
    Tcp {
        /// `tcp sport`
        from: u16,
        /// `tcp dport`
        to: u16,
    },
}

/// Bits of `ct state` (`NF_CT_STATE_BIT`).
pub(super) mod ct_state {
    /// An answer.
    pub(crate) const ESTABLISHED: u128 = 2;
    /// The first packet of a connection.
    pub(crate) const NEW: u128 = 8;
    /// Neighbour discovery always is.
    pub(crate) const UNTRACKED: u128 = 64;
}

/// One end of a packet's way through the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Interface {
    /// This one.
    Named(String),
    /// One that is not known.
    Some,
    /// There is none at this hook: its name is empty.
    None,
}

/// The addresses that begin as `address` does.
pub(super) fn network(address: Ipv6Addr, len: u32) -> RangeInclusive<u128> {
    let host_bits = u128::MAX.checked_shr(len).unwrap_or(0);
    let address = address.to_bits();
    address & !host_bits..=address | host_bits
}

/// What an expression gives for a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Datum {
    /// A number or an address: one of these.
    Number(RangeInclusive<u128>),
    /// That of IPv6, `ETH_P_IPV6`.
    EtherType,
    /// The name of an interface.
    Name(String),
    /// The packet has no such thing, as neighbour discovery has no TCP port: the
    /// rule does not match, whatever the comparison.
    Absent,
    /// It cannot be told from here, nor whether there is such a thing.
    Unknown,
}

impl Packet {
    /// The value of the expression on the left of a match.
    pub(super) fn value(&self, expression: &Value) -> Datum {
        let Some((kind, fields)) = the_only(expression) else {
            return Datum::Unknown;
        };
        let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
        // A further field, such as that for what is in a tunnel, makes it another thing.
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

/// The key and the value of an object that has no other.
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
        Interface::Some => Datum::Unknown,
        Interface::None => Datum::Name(String::new()),
    }
}
