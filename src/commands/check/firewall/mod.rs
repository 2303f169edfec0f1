//! Firewall rules that drop what the guest and this host must tell each other.
//!
//! autora's packet socket stands outside of the IPv6 stack. What it sends
//! passes the egress hook of the device alone, what it hears no hook at all;
//! on a bridge both pass the hooks of the bridge family as well. The rest of
//! neighbour discovery is the kernel's, and passes all hooks.
//!
//! What a rule does is told only where it is certain; else it "may".

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
use walk::{Fates, Outcome, Place, fates};

const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// What a guest does if it does anything.
const HTTPS: u16 = 443;
/// In front of it a packet belongs to no connection yet (`NF_IP6_PRI_CONNTRACK`).
const TRACKING: i64 = -200;
/// From such a port (RFC 6335, 6).
const EPHEMERAL: u16 = 50_000;
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The rules of this network namespace, or why they are not known.
pub(super) struct Firewall(Result<Rules, Finding>);

struct Rules {
    ruleset: Ruleset,
    /// The same as an operator knows it.
    text: String,
}

/// The interface for which the rules are gone through.
pub(super) struct Subject<'a> {
    /// Its name.
    pub name: &'a IfName,
    /// Whether it is a bridge.
    pub is_bridge: bool,
    /// An address as the guest has it.
    pub guest: Option<Ipv6Addr>,
    /// Where the host's default route leads.
    pub uplink: Option<&'a IfName>,
}

impl Firewall {
    /// Lists the rules.
    #[must_use]
    pub(super) fn read() -> Self {
        Self(read())
    }

    /// What concerns no interface: what was not looked at.
    pub(super) fn shared(&self) -> Vec<Finding> {
        let legacy = fs::read_to_string("/proc/net/ip6_tables_names").unwrap_or_default();
        let legacy = (!legacy.trim().is_empty()).then(|| {
            Finding::unknown("ip6tables", "there are ip6tables-legacy rules; not checked")
                .fixed_by("ip6tables-legacy-save")
        });
        self.0.as_ref().err().cloned().into_iter().chain(legacy).collect()
    }

    /// How it stands with the packets of one interface.
    pub(super) fn findings(&self, subject: &Subject) -> Vec<Finding> {
        let Ok(rules) = &self.0 else {
            return Vec::new();
        };
        let exchanges = exchanges(subject);
        let all: Vec<_> = exchanges
            .iter()
            .map(|exchange| (exchange, rules.fates(exchange, subject)))
            .collect();
        // What changes a packet of a connection changes the answers as well.
        let diverted = |exchange: &Exchange| {
            all.iter()
                .filter(|(other, _)| other.is_connection() == exchange.is_connection())
                .flat_map(|(_, fates)| fates)
                .any(|(_, fates)| fates.diverted)
        };
        all.iter()
            .map(|(exchange, fates)| rules.judge(exchange, fates, diverted(exchange)))
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
    let ruleset = Ruleset::parse(&json, &text)
        .ok_or_else(|| unknown("what nft lists is not understood".to_owned()).fixed_by("nft list ruleset"))?;
    Ok(Rules { ruleset, text })
}

/// Packets that must pass for one thing to work.
struct Exchange {
    requirement: &'static str,
    what: &'static str,
    /// Whether the guest gets no advertisement without it.
    vital: bool,
    packets: Vec<Packet>,
    /// What lets them through, as nft wants to hear it.
    allowed: String,
}

impl Exchange {
    fn is_connection(&self) -> bool {
        let is_tcp = |packet: &Packet| matches!(packet.payload, Payload::Tcp { .. });
        self.packets.iter().any(is_tcp)
    }
}

fn exchanges(subject: &Subject) -> Vec<Exchange> {
    // Which of the addresses in its /64 a guest has is not known.
    let guest = subject.guest.map(|address| network(address, 64));
    let here = Interface::Named(subject.name.to_string());
    let beyond = subject
        .uplink
        .map_or(Interface::Some, |name| Interface::Named(name.to_string()));
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
            what: "Router Advertisements",
            vital: true,
            packets: vec![outgoing(ROUTER_ADVERTISEMENT, Some(ALL_NODES))],
            allowed: "icmpv6 type nd-router-advert".to_owned(),
        },
        Exchange {
            requirement: "RS in",
            what: "Router Solicitations",
            vital: false,
            packets: vec![incoming(ROUTER_SOLICITATION, Some(ALL_ROUTERS))],
            allowed: "icmpv6 type nd-router-solicit".to_owned(),
        },
        Exchange {
            requirement: "ND",
            what: "neighbour discovery, without which no packet finds the way",
            vital: false,
            packets: [NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT]
                .into_iter()
                .flat_map(|kind| [incoming(kind, None), outgoing(kind, None)])
                .collect(),
            allowed: "icmpv6 type '{ nd-neighbor-solicit, nd-neighbor-advert }'".to_owned(),
        },
        Exchange {
            requirement: "from the guest",
            what: "what the guest sends to the world (to port 443, for one)",
            vital: false,
            packets: vec![Packet {
                payload: Payload::Tcp {
                    from: EPHEMERAL,
                    to: HTTPS,
                },
                input: here.clone(),
                output: beyond.clone(),
                source: guest.clone(),
                destination: None,
                is_at_ip: false,
                ct_state: Some(ct_state::NEW),
            }],
            allowed: format!("iifname {name} meta nfproto ipv6"),
        },
        Exchange {
            requirement: "to the guest",
            what: "what the world answers the guest (from port 443, for one)",
            vital: false,
            packets: vec![Packet {
                payload: Payload::Tcp {
                    from: HTTPS,
                    to: EPHEMERAL,
                },
                input: beyond,
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
    /// All that may become of the packets of the exchange, chain by chain.
    fn fates(&self, exchange: &Exchange, subject: &Subject) -> Vec<(&Chain, Fates)> {
        let of_packets = self.ruleset.base_chains().flat_map(|chain| {
            exchange.packets.iter().filter_map(move |packet| {
                let (packet, surely) = seen_at(chain, packet, subject)?;
                Some((chain, fates(&self.ruleset, chain, &packet, surely)))
            })
        });
        of_packets.collect()
    }

    /// The worst that happens to any packet of the exchange in any chain. A
    /// drop is certain only if no packet is `diverted`.
    fn judge(&self, exchange: &Exchange, fates: &[(&Chain, Fates)], diverted: bool) -> Finding {
        let mut doubt = None;
        for (chain, fates) in fates {
            match fates.outcome() {
                Outcome::Passes => {}
                Outcome::Drops(place) if !diverted => return self.dropped(exchange, chain, &place),
                Outcome::Drops(place) | Outcome::MayDrop(place) => {
                    doubt.get_or_insert_with(|| self.doubtful(exchange, &place));
                }
            }
        }
        doubt.unwrap_or_else(|| Finding::met(exchange.requirement, "no nftables rule drops it"))
    }

    fn dropped(&self, exchange: &Exchange, base: &Chain, place: &Place) -> Finding {
        let found = format!("{} drops {}", self.shown(place), exchange.what);
        let finding = if exchange.vital {
            Finding::missed(exchange.requirement, found)
        } else {
            Finding::warning(exchange.requirement, found)
        };
        // Where the device is the chain's, there is nothing else to tell.
        let allowed = if base.is_at_device() && !exchange.allowed.starts_with("icmpv6") {
            "meta protocol ip6"
        } else {
            &exchange.allowed
        };
        // In the base chain and in front of all others, so that it holds.
        with_command(finding, &base.place, |chain| {
            format!("nft insert rule {chain} {allowed} accept")
        })
    }

    fn doubtful(&self, exchange: &Exchange, place: &Place) -> Finding {
        let found = format!("{} may drop {}", self.shown(place), exchange.what);
        let finding = Finding::warning(exchange.requirement, found);
        with_command(finding, &place.chain, |chain| {
            format!("nft --handle list chain {chain}")
        })
    }

    fn shown(&self, place: &Place) -> String {
        let text = match place.text(&self.text) {
            Some(rule) => format!("\"{rule}\" in the chain {}", place.chain),
            None if place.rule.is_none() => format!("the policy of the chain {}", place.chain),
            None => format!("a rule of the chain {}", place.chain),
        };
        Visible(&text).to_string()
    }
}

/// With a command about a chain, unless its names mean something to a shell.
fn with_command(finding: Finding, chain: &ChainName, command: impl Fn(&ChainName) -> String) -> Finding {
    if chain.is_plain() {
        finding.fixed_by(command(chain))
    } else {
        finding
    }
}

/// The packet as the chain sees it, if it passes there at all, and whether it
/// surely does.
fn seen_at(chain: &Chain, packet: &Packet, subject: &Subject) -> Option<(Packet, bool)> {
    // The socket hears a solicitation before the ingress hook, and whether the
    // IPv6 stack hears it as well is of no interest.
    let by_stack = !matches!(
        packet.payload,
        Payload::Discovery(ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT)
    );
    let here = Interface::Named(subject.name.to_string());
    let bridged = |at: &Interface| subject.is_bridge && *at == here;
    let (comes_in, goes_out) = (packet.input != Interface::None, packet.output != Interface::None);
    let hook = chain.hook.as_deref()?;
    // What passes a bridge passes the devices of its ports too.
    let at_port = |at: &Interface| bridged(at) && is_at_device(chain, at) == Truth::No;
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
        ("bridge", "prerouting" | "input") => bridged(&packet.input).into(),
        ("bridge", "output" | "postrouting") => bridged(&packet.output).into(),
        ("ip" | "arp", _) | ("bridge", "forward") => Truth::No,
        _ => Truth::Perhaps,
    };
    let mut seen = packet.clone();
    if chain.is_at_device() && passes == Truth::Perhaps {
        // It may be the device of a port, or one that is not known here.
        (seen.input, seen.output) = (Interface::Some, Interface::Some);
    }
    match hook {
        "ingress" | "prerouting" => seen.output = Interface::None,
        "egress" => seen.input = Interface::None,
        // What the kernel shows as the input depends on who made the packet.
        "postrouting" => seen.input = Interface::Some,
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
        // There they are the ports.
        (seen.input, seen.output) = (Interface::Some, Interface::Some);
    }
    (passes != Truth::No).then_some((seen, passes == Truth::Yes))
}

/// Whether the chain is at the interface. One without devices was listed by an
/// nft that does not know how they are named.
fn is_at_device(chain: &Chain, at: &Interface) -> Truth {
    match at {
        Interface::None => Truth::No,
        Interface::Some => Truth::Perhaps,
        Interface::Named(name) if chain.devices.contains(name) => Truth::Yes,
        Interface::Named(name) => {
            let begins = |device: &String| {
                device
                    .strip_suffix('*')
                    .is_some_and(|start| name.starts_with(start))
            };
            if chain.devices.is_empty() || chain.devices.iter().any(begins) {
                Truth::Perhaps
            } else {
                Truth::No
            }
        }
    }
}
