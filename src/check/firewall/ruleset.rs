//! nftables' rules, as `nft --json` lists them, and the way of a packet
//! through a chain of them.

use std::fmt;

use serde_json::Value;

use super::matching::{Truth, equals, holds};
use super::packet::Packet;

/// The kernel allows no more jumps within jumps.
const DEEPEST: usize = 16;

/// All chains with their rules.
#[derive(Clone, Debug)]
pub struct Ruleset {
    chains: Vec<Chain>,
}

/// One chain.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Where it is.
    pub place: ChainName,
    /// The hook, for a base chain.
    pub hook: Option<String>,
    /// The interfaces of a base chain at the ingress or egress hook.
    pub devices: Vec<String>,
    drops: bool,
    rules: Vec<Rule>,
}

/// The names by which `nft` knows a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainName {
    /// `inet`, `ip6`, `bridge`, `netdev`, …
    pub family: String,
    /// The table's name.
    pub table: String,
    /// The chain's name.
    pub chain: String,
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)
    }
}

#[derive(Clone, Debug)]
struct Rule {
    handle: u64,
    statements: Vec<Value>,
}

/// What drops a packet, or may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The chain.
    pub chain: ChainName,
    /// The rule in it; `None`: the chain's policy.
    pub rule: Option<u64>,
}

/// What becomes of a packet in a base chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It passes.
    Passes,
    /// It does not.
    Drops(Place),
    /// It may not: the rule, or the first of several, depends on what is not
    /// known here.
    MayDrop(Place),
}

impl Ruleset {
    /// Reads the output of `nft --json list ruleset`; `None` if it is not that.
    /// What older versions of nft leave out of it (the interfaces of a chain up
    /// to 1.0.6, whether a table is dormant) stands in the `text` of the same.
    #[must_use]
    pub fn parse(json: &[u8], text: &str) -> Option<Self> {
        let root: Value = serde_json::from_slice(json).ok()?;
        let mut chains: Vec<Chain> = Vec::new();
        for object in root.get("nftables")?.as_array()? {
            if let Some(chain) = object.get("chain").and_then(Chain::parse) {
                chains.push(chain);
            } else if let Some(rule) = object.get("rule") {
                let place = ChainName::of(rule, "chain")?;
                let chain = chains.iter_mut().find(|chain| chain.place == place)?;
                chain.rules.push(Rule {
                    handle: rule.get("handle")?.as_u64()?,
                    statements: rule.get("expr")?.as_array()?.clone(),
                });
            }
        }
        for chain in chains.iter_mut().filter(|chain| chain.devices.is_empty()) {
            let line = lines_of(text, &chain.place).find(|line| line.contains(" hook "));
            chain.devices = line.map(devices_in).unwrap_or_default();
        }
        let dormant = dormant_tables(text);
        chains.retain(|chain| !dormant.contains(&(&chain.place.family, &chain.place.table)));
        Some(Self { chains })
    }

    /// The chains that the kernel itself calls.
    pub fn base_chains(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| chain.hook.is_some())
    }

    /// Sends `packet` through the base chain.
    #[must_use]
    pub fn outcome(&self, base: &Chain, packet: &Packet) -> Outcome {
        let mut walk = Walk {
            ruleset: self,
            packet,
            may_drop: None,
            may_accept: false,
        };
        let fate = match walk.through(base, true, 0) {
            Fate::Returned if base.drops => walk.drop_at(base, None, true),
            fate => fate,
        };
        match (fate, walk.may_drop) {
            (Fate::Dropped(place), _) => Outcome::Drops(place),
            (_, Some(place)) => Outcome::MayDrop(place),
            _ => Outcome::Passes,
        }
    }

    fn chain(&self, from: &ChainName, target: &str) -> Option<&Chain> {
        let is_it = |chain: &&Chain| {
            (&chain.place.family, &chain.place.table) == (&from.family, &from.table)
                && chain.place.chain == target
        };
        self.chains.iter().find(is_it)
    }
}

impl Place {
    /// The rule's text in that of `nft --handle list ruleset`.
    #[must_use]
    pub fn text(&self, ruleset: &str) -> Option<String> {
        let handle = format!("# handle {}", self.rule?);
        let mut lines = lines_of(ruleset, &self.chain);
        let line = lines.find_map(|line| line.strip_suffix(&handle))?;
        Some(line.trim().to_owned())
    }
}

/// The lines of one chain in the text of a ruleset.
fn lines_of<'a>(ruleset: &'a str, wanted: &'a ChainName) -> impl Iterator<Item = &'a str> {
    let mut table = false;
    let mut chain = false;
    ruleset.lines().filter(move |line| {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["table", family, name, "{", ..] => table = (family, name) == (&wanted.family, &wanted.table),
            ["chain", name, "{", ..] => chain = table && name == wanted.chain,
            ["set" | "map" | "flowtable", _, "{", ..] => chain = false,
            _ => return chain,
        }
        false
    })
}

/// The family and name of tables that are switched off.
fn dormant_tables(ruleset: &str) -> Vec<(&str, &str)> {
    let mut table = None;
    let mut dormant = Vec::new();
    for line in ruleset.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["table", family, name, "{", ..] => table = Some((family, name)),
            ["flags", ref flags @ ..] if flags.iter().any(|flag| flag.contains("dormant")) => {
                dormant.extend(table);
            }
            _ => {}
        }
    }
    dormant
}

/// Those of `… hook egress devices = { e0, tap0 } priority filter; …`.
fn devices_in(line: &str) -> Vec<String> {
    let after = line.split_once(" device").map_or("", |(_, after)| after);
    let after = after.strip_prefix('s').unwrap_or(after);
    let list = after.split(" priority ").next().unwrap_or_default();
    let names = list.split(|c: char| c.is_whitespace() || "={},\"".contains(c));
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

impl ChainName {
    fn of(object: &Value, name: &str) -> Option<Self> {
        let text = |key| object.get(key)?.as_str().map(str::to_owned);
        Some(Self {
            family: text("family")?,
            table: text("table")?,
            chain: text(name)?,
        })
    }
}

impl Chain {
    fn parse(object: &Value) -> Option<Self> {
        let text = |key| object.get(key).and_then(Value::as_str);
        let devices = match object.get("dev") {
            Some(Value::String(one)) => vec![one.clone()],
            Some(Value::Array(several)) => several
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            _ => Vec::new(),
        };
        Some(Self {
            place: ChainName::of(object, "name")?,
            hook: text("hook").map(str::to_owned),
            devices,
            drops: text("policy") == Some("drop"),
            rules: Vec::new(),
        })
    }

    /// Whether it belongs to interfaces, and not to the whole host.
    #[must_use]
    pub fn is_at_device(&self) -> bool {
        matches!(self.hook.as_deref(), Some("ingress" | "egress"))
    }
}

/// What a chain did with a packet.
enum Fate {
    Accepted,
    Dropped(Place),
    Returned,
}

/// What a rule does with a packet that it matches.
enum Verdict<'a> {
    Accept,
    Drop,
    MayDrop,
    Return,
    Jump(&'a str),
    Goto(&'a str),
}

struct Walk<'a> {
    ruleset: &'a Ruleset,
    packet: &'a Packet,
    may_drop: Option<Place>,
    may_accept: bool,
}

impl Walk<'_> {
    /// `surely`: whether the packet gets here in any case.
    fn through(&mut self, chain: &Chain, mut surely: bool, depth: usize) -> Fate {
        if depth > DEEPEST {
            return Fate::Returned;
        }
        for rule in &chain.rules {
            for (matches, verdict) in rule.verdicts(self.packet) {
                let certain = surely && matches == Truth::Yes;
                let ends_here = matches!(verdict, Verdict::Return | Verdict::Goto(_));
                let fate = match verdict {
                    Verdict::Accept => {
                        self.may_accept |= !certain;
                        Fate::Accepted
                    }
                    Verdict::Drop => self.drop_at(chain, Some(rule.handle), certain),
                    Verdict::MayDrop => self.drop_at(chain, Some(rule.handle), false),
                    Verdict::Return => Fate::Returned,
                    Verdict::Jump(target) | Verdict::Goto(target) => {
                        match self.ruleset.chain(&chain.place, target) {
                            Some(target) => self.through(target, certain, depth + 1),
                            None => Fate::Returned,
                        }
                    }
                };
                match fate {
                    Fate::Dropped(_) => return fate,
                    Fate::Accepted if certain => return fate,
                    Fate::Returned if certain && ends_here => return fate,
                    // From here on only perhaps.
                    _ => surely &= !ends_here,
                }
            }
        }
        Fate::Returned
    }

    /// A drop is certain only if nothing before it may have let the packet pass.
    fn drop_at(&mut self, chain: &Chain, rule: Option<u64>, certain: bool) -> Fate {
        let place = Place {
            chain: chain.place.clone(),
            rule,
        };
        if certain && !self.may_accept {
            return Fate::Dropped(place);
        }
        self.may_drop.get_or_insert(place);
        Fate::Accepted
    }
}

impl Rule {
    /// What becomes of the packet, and whether; of several only one comes true.
    fn verdicts(&self, packet: &Packet) -> Vec<(Truth, Verdict<'_>)> {
        let mut matches = Truth::Yes;
        for statement in &self.statements {
            let Some((kind, value)) = the_only(statement) else {
                continue;
            };
            match kind.as_str() {
                "match" => matches = matches.and(holds(value, packet)),
                // It matches some packets and not others.
                "limit" | "quota" | "xt" | "ct count" => matches = matches.and(Truth::Perhaps),
                "vmap" => return mapped(value, packet, matches),
                _ => {
                    if let Some(verdict) = verdict(kind, value) {
                        return vec![(matches, verdict)];
                    }
                }
            }
            if matches == Truth::No {
                break;
            }
        }
        Vec::new()
    }
}

fn the_only(object: &Value) -> Option<(&String, &Value)> {
    object.as_object()?.iter().next()
}

fn verdict<'a>(kind: &str, value: &'a Value) -> Option<Verdict<'a>> {
    let target = || value.get("target").and_then(Value::as_str);
    Some(match kind {
        "accept" => Verdict::Accept,
        "drop" | "reject" => Verdict::Drop,
        // What a program decides, or another interface gets.
        "queue" | "fwd" => Verdict::MayDrop,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        _ => return None,
    })
}

/// The verdict that a map has for the packet, or those that it may have.
fn mapped<'a>(vmap: &'a Value, packet: &Packet, matches: Truth) -> Vec<(Truth, Verdict<'a>)> {
    let entries = vmap
        .get("data")
        .and_then(|data| data.get("set"))
        .and_then(Value::as_array);
    let (Some(key), Some(entries)) = (vmap.get("key"), entries) else {
        // A map with a name may hold anything.
        return vec![
            (Truth::Perhaps, Verdict::MayDrop),
            (Truth::Perhaps, Verdict::Accept),
        ];
    };
    let mut possible = Vec::new();
    for entry in entries {
        let Some([wanted, to]) = entry.as_array().map(Vec::as_slice) else {
            continue;
        };
        let Some(verdict) = the_only(to).and_then(|(kind, value)| verdict(kind, value)) else {
            continue;
        };
        match equals(key, wanted, packet) {
            Truth::Yes => return vec![(matches, verdict)],
            Truth::Perhaps => possible.push((Truth::Perhaps, verdict)),
            Truth::No => {}
        }
    }
    possible
}

#[cfg(test)]
mod tests;
