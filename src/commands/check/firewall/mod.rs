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
use autora_core::visible::Visible;
use autora_core::wire::{ALL_NODES, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION};

use super::finding::Finding;
use crate::advice::shell;
use crate::systemd::subprocess::{NoAnswer, ask};
use matching::Truth;
use packet::{Interface, Packet, Payload, ct_state, network};
use ruleset::{Chain, ChainName, Ruleset};
use walk::{Outcome, Outcomes, Place, outcomes};

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// The port of the example connection.
const HTTPS: u16 = 443;
/// Chains with a lower priority are before connection tracking (`NF_IP6_PRI_CONNTRACK`).
const TRACKING: i64 = -200;
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
        let exchanges = exchanges(subject);
        let all: Vec<_> = exchanges
            .iter()
            .map(|exchange| (exchange, rules.outcomes(exchange, subject)))
            .collect();
        // A rule that changes a packet of a connection changes its answers as well.
        let diverted = |exchange: &Exchange| {
            all.iter()
                .filter(|(other, _)| other.is_connection() == exchange.is_connection())
                .flat_map(|(_, outcomes)| outcomes)
                .any(|(_, outcomes)| outcomes.diverted)
        };
        all.iter()
            .map(|(exchange, outcomes)| rules.evaluate(exchange, outcomes, diverted(exchange)))
            .collect()
    }
}

fn read() -> Result<Rules, Finding> {
    let unknown =
        |why: String| Finding::unknown("nftables", Visible(&format!("not checked: {why}")).to_string());
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

impl Exchange {
    fn is_connection(&self) -> bool {
        let is_tcp = |packet: &Packet| matches!(packet.payload, Payload::Tcp { .. });
        self.packets.iter().any(is_tcp)
    }
}

fn exchanges(subject: &Subject) -> Vec<Exchange> {
    // The guest may have any address in its /64.
    let guest = subject.guest.map(|address| network(address, 64));
    let here = Interface::Named(subject.name.to_string());
    let uplink = subject
        .uplink
        .map_or(Interface::Unknown, |name| Interface::Named(name.to_string()));
    let incoming = |kind, destination| Packet {
        payload: Payload::Discovery(kind),
        input: here.clone(),
        output: Interface::None,
        source: None,
        destination: Option::map(destination, |address| network(address, 128)),
        is_at_ip: false,
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
                source: guest.clone(),
                destination: None,
                is_at_ip: false,
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
                destination: guest,
                is_at_ip: false,
                ct_state: Some(ct_state::ESTABLISHED),
            }],
            allowed: format!("oifname {name} ct state established,related"),
        },
    ]
}

impl Rules {
    /// What each chain may do with each packet of the exchange.
    fn outcomes(&self, exchange: &Exchange, subject: &Subject) -> Vec<(&Chain, Outcomes)> {
        let of_packets = self.ruleset.base_chains().flat_map(|chain| {
            exchange.packets.iter().filter_map(move |packet| {
                let (packet, certain) = seen_at(chain, packet, subject)?;
                Some((chain, outcomes(&self.ruleset, chain, &packet, certain)))
            })
        });
        of_packets.collect()
    }

    /// The worst outcome for any packet of the exchange in any chain. A drop is
    /// certain only if no rule may have changed or diverted a packet before.
    fn evaluate(&self, exchange: &Exchange, outcomes: &[(&Chain, Outcomes)], diverted: bool) -> Finding {
        let mut possible_drop = None;
        for (chain, outcomes) in outcomes {
            match outcomes.summary() {
                Outcome::Passes => {}
                Outcome::Drops(place) if !diverted => return self.dropped(exchange, chain, &place),
                Outcome::Drops(place) | Outcome::MayDrop(place) => {
                    possible_drop.get_or_insert_with(|| self.may_drop(exchange, &place));
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
        with_command(finding, &base.place, |chain| {
            format!("nft insert rule {chain} {allowed} accept")
        })
    }

    fn may_drop(&self, exchange: &Exchange, place: &Place) -> Finding {
        let found = format!("{} may drop {}", self.describe(place), exchange.description);
        let finding = Finding::warning(exchange.requirement, found);
        with_command(finding, &place.chain, |chain| {
            format!("nft --handle list chain {chain}")
        })
    }

    fn describe(&self, place: &Place) -> String {
        let text = match place.text(&self.text) {
            Some(rule) => format!("\"{rule}\" in the chain {}", place.chain),
            None if place.rule.is_none() => format!("the policy of the chain {}", place.chain),
            None => format!("a rule of the chain {}", place.chain),
        };
        Visible(&text).to_string()
    }
}

/// Adds a command about a chain, unless its names have a meaning for a shell.
fn with_command(finding: Finding, chain: &ChainName, command: impl Fn(&ChainName) -> String) -> Finding {
    if chain.is_plain() {
        finding.fixed_by(command(chain))
    } else {
        finding
    }
}

/// The packet as the chain sees it, and whether it certainly passes the chain's
/// hook; `None` if it certainly does not.
fn seen_at(chain: &Chain, packet: &Packet, subject: &Subject) -> Option<(Packet, bool)> {
    // The packet socket receives a solicitation before the ingress hook; whether
    // the IPv6 stack receives it as well does not matter.
    let by_stack = !matches!(
        packet.payload,
        Payload::Discovery(ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT)
    );
    let here = Interface::Named(subject.name.to_string());
    let is_the_bridge = |at: &Interface| subject.is_bridge && *at == here;
    let (comes_in, goes_out) = (packet.input != Interface::None, packet.output != Interface::None);
    let hook = chain.hook.as_deref()?;
    // A packet on a bridge also passes the device of a port.
    let at_port = |at: &Interface| is_the_bridge(at) && is_at_device(chain, at) == Truth::No;
    let passes: Truth = match (&chain.place.family[..], hook) {
        ("netdev" | "inet", "ingress") if at_port(&packet.input) => Truth::Perhaps,
        ("netdev", "egress") if at_port(&packet.output) => Truth::Perhaps,
        ("netdev" | "inet", "ingress") => Truth::from(by_stack).and(is_at_device(chain, &packet.input)),
        ("netdev", "egress") => is_at_device(chain, &packet.output),
        ("inet" | "ip6", "prerouting") => (by_stack && comes_in).into(),
        ("inet" | "ip6", "input") => (by_stack && !goes_out).into(),
        ("inet" | "ip6", "forward") => (comes_in && goes_out).into(),
        ("inet" | "ip6", "output") => (by_stack && !comes_in).into(),
        ("inet" | "ip6", "postrouting") => (by_stack && goes_out).into(),
        ("bridge", "prerouting" | "input") => is_the_bridge(&packet.input).into(),
        ("bridge", "output" | "postrouting") => is_the_bridge(&packet.output).into(),
        ("ip" | "arp", _) | ("bridge", "forward") => Truth::No,
        _ => Truth::Perhaps,
    };
    let mut seen = packet.clone();
    if chain.is_at_device() && passes == Truth::Perhaps {
        // The device may be a port's, or another that is not known here.
        (seen.input, seen.output) = (Interface::Unknown, Interface::Unknown);
    }
    match hook {
        "ingress" | "prerouting" => seen.output = Interface::None,
        "egress" => seen.input = Interface::None,
        // The kernel sets an input interface only for forwarded packets.
        "postrouting" => seen.input = Interface::Unknown,
        _ => {}
    }
    seen.is_at_ip = matches!(&chain.place.family[..], "inet" | "ip6") && hook != "ingress";
    let is_tracked = match hook {
        "prerouting" | "output" => chain.priority.is_some_and(|priority| priority > TRACKING),
        _ => true,
    };
    if !seen.is_at_ip || !is_tracked {
        seen.ct_state = None;
    }
    if chain.place.family == "bridge" {
        // In this family the interfaces are ports of the bridge.
        (seen.input, seen.output) = (Interface::Unknown, Interface::Unknown);
    }
    (passes != Truth::No).then_some((seen, passes == Truth::Yes))
}

/// Whether the chain is attached to the interface. Older versions of nft list
/// some chains without their devices.
fn is_at_device(chain: &Chain, at: &Interface) -> Truth {
    match at {
        Interface::None => Truth::No,
        Interface::Unknown => Truth::Perhaps,
        Interface::Named(name) if chain.devices.contains(name) => Truth::Yes,
        Interface::Named(name) => {
            let may_match = |device: &String| {
                device
                    .strip_suffix('*')
                    .is_some_and(|start| name.starts_with(start))
            };
            if chain.devices.is_empty() || chain.devices.iter().any(may_match) {
                Truth::Perhaps
            } else {
                Truth::No
            }
        }
    }
}
