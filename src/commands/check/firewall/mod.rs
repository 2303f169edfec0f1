//! Firewall rules that drop packets between the guest and this host.
//!
//! autora's packet socket bypasses the IPv6 stack. Packets that it sends pass
//! only the device's egress hook, and packets that it receives pass no hook; on
//! a bridge, both also pass the hooks of the bridge family. The kernel handles
//! the rest of neighbour discovery, which passes all hooks.
//!
//! Where the effect of a rule depends on something unknown, it "may" drop.

mod matching;
mod packet;
mod ruleset;
mod walk;

use std::fs;
use std::net::Ipv6Addr;

use autora_core::interface_name::IfName;
use autora_core::wire::{ALL_NODES, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION};

use super::finding::Finding;
use crate::advice::shell;
use crate::systemd::subprocess::{NoAnswer, ask};
use packet::{Interface, Packet, Payload, ct_state};
use ruleset::{Chain, Ruleset};
use walk::{Outcome, Place, outcome};

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// The port of the example connection.
const HTTPS: u16 = 443;
/// Its other port, a dynamic one (RFC 6335, 6).
const EPHEMERAL: u16 = 50_000;
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The rules of this network namespace, or a finding that says why they are unknown.
pub(super) struct Firewall(Result<Rules, Finding>);

struct Rules {
    ruleset: Ruleset,
    /// The same in nft's own syntax.
    text: String,
}

/// The interface for which the rules are evaluated.
pub(super) struct Subject<'a> {
    pub name: &'a IfName,
    pub is_bridge: bool,
    /// An address that the guest may have; `None` if no prefix is advertised.
    pub guest: Option<Ipv6Addr>,
    /// The interface of the host's default route.
    pub uplink: Option<&'a IfName>,
}

impl Firewall {
    /// Reads the rules with `nft`.
    #[must_use]
    pub(super) fn read() -> Self {
        Self(read())
    }

    /// Findings on the whole host: rules that were not checked.
    pub(super) fn shared(&self) -> Vec<Finding> {
        let legacy = fs::read_to_string("/proc/net/ip6_tables_names").unwrap_or_default();
        let legacy = (!legacy.trim().is_empty()).then(|| {
            Finding::unknown("ip6tables", "there are ip6tables-legacy rules; not checked")
                .fixed_by("ip6tables-legacy-save")
        });
        self.0.as_ref().err().cloned().into_iter().chain(legacy).collect()
    }

    /// One finding for each exchange on the interface; none if the rules are unknown.
    pub(super) fn findings(&self, subject: &Subject) -> Vec<Finding> {
        let Ok(rules) = &self.0 else {
            return Vec::new();
        };
        exchanges(subject)
            .iter()
            .map(|exchange| rules.evaluate(exchange, subject))
            .collect()
    }
}

fn read() -> Result<Rules, Finding> {
    let unknown = |why: String| Finding::unknown("nftables", format!("not checked: {why}"));
    let list = |options: &[&str]| {
        let arguments: Vec<&str> = options.iter().copied().chain(["list", "ruleset"]).collect();
        ask("nft", &arguments).map_err(|error| {
            let finding = unknown(error.to_string());
            match error {
                NoAnswer::Failed(..) => finding.fixed_by("sudo nft list ruleset"),
                NoAnswer::NotRun(..) => finding,
            }
        })
    };
    let json = list(&["--json", "--terse", "--numeric"])?;
    let text = list(&["--terse", "--handle"])?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let ruleset = Ruleset::parse(&json, &text).ok_or_else(|| {
        unknown("the output of nft cannot be parsed".to_owned()).fixed_by("nft list ruleset")
    })?;
    Ok(Rules { ruleset, text })
}

/// Packets that must all pass for one function to work.
struct Exchange {
    requirement: &'static str,
    /// The packets in words.
    description: &'static str,
    /// Whether the guest gets no advertisement if they are dropped.
    vital: bool,
    packets: Vec<Packet>,
    /// The match of a rule that accepts them, in nft's syntax.
    allowed: String,
}

fn exchanges(subject: &Subject) -> Vec<Exchange> {
    let here = Interface::Named(subject.name.to_string());
    let uplink = subject
        .uplink
        .map_or(Interface::Unknown, |name| Interface::Named(name.to_string()));
    let incoming = |kind, destination| Packet {
        payload: Payload::Discovery(kind),
        input: here.clone(),
        output: Interface::None,
        source: None,
        destination,
        ct_state: Some(ct_state::UNTRACKED),
    };
    let outgoing = |kind, destination| Packet {
        input: Interface::None,
        output: here.clone(),
        ..incoming(kind, destination)
    };
    let name = shell::interface(subject.name);
    vec![
        Exchange {
            requirement: "RA out",
            description: "Router Advertisements",
            vital: true,
            packets: vec![outgoing(ROUTER_ADVERTISEMENT, Some(ALL_NODES))],
            allowed: "icmpv6 type nd-router-advert".to_owned(),
        },
        Exchange {
            requirement: "RS in",
            description: "Router Solicitations",
            vital: false,
            packets: vec![incoming(ROUTER_SOLICITATION, Some(ALL_ROUTERS))],
            allowed: "icmpv6 type nd-router-solicit".to_owned(),
        },
        Exchange {
            requirement: "ND",
            description: "neighbour discovery, without which host and guest cannot exchange packets",
            vital: false,
            packets: [NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT]
                .into_iter()
                .flat_map(|kind| [incoming(kind, None), outgoing(kind, None)])
                .collect(),
            allowed: "icmpv6 type '{ nd-neighbor-solicit, nd-neighbor-advert }'".to_owned(),
        },
        Exchange {
            requirement: "from the guest",
            description: "packets of the guest to the Internet (tested with port 443)",
            vital: false,
            packets: vec![Packet {
                payload: Payload::Tcp {
                    from: EPHEMERAL,
                    to: HTTPS,
                },
                input: here.clone(),
                output: uplink.clone(),
                source: subject.guest,
                destination: None,
                ct_state: Some(ct_state::NEW),
            }],
            allowed: format!("iifname {name} meta nfproto ipv6"),
        },
        Exchange {
            requirement: "to the guest",
            description: "answers from the Internet to the guest (tested with port 443)",
            vital: false,
            packets: vec![Packet {
                payload: Payload::Tcp {
                    from: HTTPS,
                    to: EPHEMERAL,
                },
                input: uplink,
                output: here,
                source: None,
                destination: subject.guest,
                ct_state: Some(ct_state::ESTABLISHED),
            }],
            allowed: format!("oifname {name} ct state established,related"),
        },
    ]
}

impl Rules {
    /// The worst outcome for any packet of the exchange in any chain.
    fn evaluate(&self, exchange: &Exchange, subject: &Subject) -> Finding {
        let mut possible_drop = None;
        for chain in self.ruleset.base_chains() {
            for packet in &exchange.packets {
                let Some(packet) = seen_at(chain, packet, subject) else {
                    continue;
                };
                match outcome(&self.ruleset, chain, &packet) {
                    Outcome::Passes => {}
                    Outcome::Drops(place) => return self.dropped(exchange, chain, &place),
                    Outcome::MayDrop(place) => {
                        possible_drop.get_or_insert_with(|| self.may_drop(exchange, &place));
                    }
                }
            }
        }
        possible_drop.unwrap_or_else(|| Finding::met(exchange.requirement, "no nftables rule drops it"))
    }

    fn dropped(&self, exchange: &Exchange, base: &Chain, place: &Place) -> Finding {
        let found = format!("{} drops {}", self.describe(place), exchange.description);
        let finding = if exchange.vital {
            Finding::missed(exchange.requirement, found)
        } else {
            Finding::warning(exchange.requirement, found)
        };
        // A chain at a device needs no match on interfaces, and cannot match on `ct state`.
        let allowed = if base.is_at_device() && !exchange.allowed.starts_with("icmpv6") {
            "meta protocol ip6"
        } else {
            &exchange.allowed
        };
        // At the start of the base chain, so that no other rule comes first.
        finding.fixed_by(format!("nft insert rule {} {allowed} accept", base.place))
    }

    fn may_drop(&self, exchange: &Exchange, place: &Place) -> Finding {
        let found = format!("{} may drop {}", self.describe(place), exchange.description);
        Finding::warning(exchange.requirement, found)
            .fixed_by(format!("nft --handle list chain {}", place.chain))
    }

    fn describe(&self, place: &Place) -> String {
        match place.text(&self.text) {
            Some(rule) => format!("\"{rule}\" in the chain {}", place.chain),
            None if place.rule.is_none() => format!("the policy of the chain {}", place.chain),
            None => format!("a rule of the chain {}", place.chain),
        }
    }
}

/// The packet as the chain sees it; `None` if it does not pass the chain's hook.
fn seen_at(chain: &Chain, packet: &Packet, subject: &Subject) -> Option<Packet> {
    // The packet socket receives a solicitation before the ingress hook; whether
    // the IPv6 stack receives it as well does not matter.
    let by_stack = !matches!(
        packet.payload,
        Payload::Discovery(ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT)
    );
    let is_at_chain = |at: &Interface| matches!(at, Interface::Named(name) if chain.devices.contains(name));
    let is_the_bridge =
        |at: &Interface| subject.is_bridge && *at == Interface::Named(subject.name.to_string());
    let (comes_in, goes_out) = (packet.input != Interface::None, packet.output != Interface::None);
    let hook = chain.hook.as_deref()?;
    let passes = match (&chain.place.family[..], hook) {
        ("netdev" | "inet", "ingress") => by_stack && is_at_chain(&packet.input),
        ("netdev", "egress") => is_at_chain(&packet.output),
        ("inet" | "ip6", "prerouting") => by_stack && comes_in,
        ("inet" | "ip6", "input") => by_stack && !goes_out,
        ("inet" | "ip6", "forward") => comes_in && goes_out,
        ("inet" | "ip6", "output") => by_stack && !comes_in,
        ("inet" | "ip6", "postrouting") => by_stack && goes_out,
        ("bridge", "prerouting" | "input") => is_the_bridge(&packet.input),
        ("bridge", "output" | "postrouting") => is_the_bridge(&packet.output),
        _ => false,
    };
    let mut seen = packet.clone();
    if matches!(hook, "ingress" | "prerouting") {
        seen.output = Interface::None;
    }
    if chain.is_at_device() {
        seen.ct_state = None;
    }
    if chain.place.family == "bridge" {
        // In this family the interfaces are ports of the bridge.
        (seen.input, seen.output, seen.ct_state) = (Interface::Unknown, Interface::Unknown, None);
    }
    passes.then_some(seen)
}
