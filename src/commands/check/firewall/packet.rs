//! The values that nftables' expressions have for a packet, as far as they are known.

use std::net::Ipv6Addr;

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
    pub source: Option<Ipv6Addr>,
    pub destination: Option<Ipv6Addr>,
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
    /// No interface at this hook.
    None,
}

/// The value of an expression for a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Datum {
    /// A number or an address.
    Number(u128),
    /// `ETH_P_IPV6`, in either byte order.
    EtherType,
    /// The name of an interface.
    Name(String),
    /// The packet has no such field, as neighbour discovery has no TCP port: no
    /// comparison matches.
    Absent,
    /// The value is not known here.
    Unknown,
}

impl Packet {
    /// The value of the expression on the left side of a match.
    pub(super) fn value(&self, expression: &Value) -> Datum {
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        if let Some(meta) = expression.get("meta") {
            return self.meta(text(meta, "key").as_deref().unwrap_or_default());
        }
        if let Some(payload) = expression.get("payload") {
            let field = |key| text(payload, key).unwrap_or_default();
            return self.payload(&field("protocol"), &field("field"));
        }
        match expression.get("ct").and_then(|ct| text(ct, "key")).as_deref() {
            Some("state") => self.ct_state.map_or(Datum::Unknown, Datum::Number),
            _ => Datum::Unknown,
        }
    }

    fn meta(&self, key: &str) -> Datum {
        match key {
            "iifname" | "iif" => name(&self.input),
            "oifname" | "oif" => name(&self.output),
            "protocol" => Datum::EtherType,
            "nfproto" => Datum::Number(NFPROTO_IPV6),
            "l4proto" => self.protocol(),
            _ => Datum::Unknown,
        }
    }

    fn payload(&self, protocol: &str, field: &str) -> Datum {
        let address = |known: Option<Ipv6Addr>| known.map_or(Datum::Unknown, |a| Datum::Number(a.to_bits()));
        match (protocol, field, self.payload) {
            ("ether", "type", _) => Datum::EtherType,
            ("ip6", "version", _) => Datum::Number(6),
            ("ip6", "nexthdr", _) => self.protocol(),
            ("ip6", "saddr", _) => address(self.source),
            ("ip6", "daddr", _) => address(self.destination),
            ("ip6", "hoplimit", Payload::Discovery(_)) => Datum::Number(255),
            ("icmpv6", "type", Payload::Discovery(kind)) => Datum::Number(kind.into()),
            ("icmpv6", "code", Payload::Discovery(_)) => Datum::Number(0),
            ("tcp" | "th", "sport", Payload::Tcp { from, .. }) => Datum::Number(from.into()),
            ("tcp" | "th", "dport", Payload::Tcp { to, .. }) => Datum::Number(to.into()),
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
        Datum::Number(match self.payload {
            Payload::Discovery(_) => ICMPV6,
            Payload::Tcp { .. } => TCP,
        })
    }
}

fn name(interface: &Interface) -> Datum {
    match interface {
        Interface::Named(name) => Datum::Name(name.clone()),
        Interface::Unknown => Datum::Unknown,
        Interface::None => Datum::Absent,
    }
}
