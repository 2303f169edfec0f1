//! A packet as nftables' expressions see it, as far as it is known.

use std::net::Ipv6Addr;

use serde_json::Value;

/// `IPPROTO_ICMPV6`
const ICMPV6: u128 = 58;
/// `ETH_P_IPV6`
const IPV6: u128 = 0x86dd;
/// `NFPROTO_IPV6`
const NFPROTO_IPV6: u128 = 10;

/// One packet at one hook. What is `None` may be anything.
#[derive(Clone, Debug)]
pub struct Packet {
    /// Of ICMPv6 with hop limit 255; `None` for what a guest sends otherwise.
    pub icmp_type: Option<u8>,
    /// The interface that it came in by.
    pub input: Interface,
    /// The interface that it leaves by.
    pub output: Interface,
    /// Where it comes from.
    pub source: Option<Ipv6Addr>,
    /// Where it goes to.
    pub destination: Option<Ipv6Addr>,
    /// The bit of `ct state`; `None` where connections are not tracked yet.
    pub ct_state: Option<u128>,
}

/// Bits of `ct state` (`NF_CT_STATE_BIT`).
pub mod ct_state {
    /// An answer.
    pub const ESTABLISHED: u128 = 2;
    /// The first packet of a connection.
    pub const NEW: u128 = 8;
    /// Neighbour discovery always is.
    pub const UNTRACKED: u128 = 64;
}

/// One end of a packet's way through the host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Interface {
    /// This one.
    Named(String),
    /// One that is not known.
    Some,
    /// There is none at this hook.
    None,
}

/// What an expression gives for a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Datum {
    /// A number or an address.
    Number(u128),
    /// The name of an interface.
    Name(String),
    /// The packet has no such thing, as one of ICMPv6 has no TCP port: the
    /// rule does not match, whatever the comparison.
    Absent,
    /// It cannot be told from here.
    Unknown,
}

impl Packet {
    /// The value of the expression on the left of a match.
    pub fn value(&self, expression: &Value) -> Datum {
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
            "protocol" => Datum::Number(IPV6),
            "nfproto" => Datum::Number(NFPROTO_IPV6),
            "l4proto" => self.protocol(),
            _ => Datum::Unknown,
        }
    }

    fn payload(&self, protocol: &str, field: &str) -> Datum {
        let address =
            |address: Option<Ipv6Addr>| address.map_or(Datum::Unknown, |a| Datum::Number(a.to_bits()));
        match (protocol, field) {
            ("icmpv6", "type") => self
                .icmp_type
                .map_or(Datum::Unknown, |kind| Datum::Number(kind.into())),
            ("icmpv6", "code") if self.icmp_type.is_some() => Datum::Number(0),
            ("ip6", "saddr") => address(self.source),
            ("ip6", "daddr") => address(self.destination),
            ("ip6", "nexthdr") => self.protocol(),
            ("ip6", "hoplimit") if self.icmp_type.is_some() => Datum::Number(255),
            ("ip6", "version") => Datum::Number(6),
            ("ether", "type") => Datum::Number(IPV6),
            ("ip" | "arp" | "icmp" | "igmp" | "vlan", _) => Datum::Absent,
            ("tcp" | "udp" | "udplite" | "sctp" | "dccp" | "th" | "esp" | "ah", _)
                if self.icmp_type.is_some() =>
            {
                Datum::Absent
            }
            _ => Datum::Unknown,
        }
    }

    fn protocol(&self) -> Datum {
        self.icmp_type.map_or(Datum::Unknown, |_| Datum::Number(ICMPV6))
    }
}

fn name(interface: &Interface) -> Datum {
    match interface {
        Interface::Named(name) => Datum::Name(name.clone()),
        Interface::Some => Datum::Unknown,
        Interface::None => Datum::Absent,
    }
}
