//! The way of a packet through a chain of rules.

use serde_json::Value;

use super::matching::{Truth, equals, holds};
use super::packet::Packet;
use super::ruleset::{Chain, ChainName, Rule, Ruleset, lines_of};

/// The kernel allows no more jumps within jumps.
const DEEPEST: usize = 16;

/// What becomes of a packet in a base chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It passes.
    Passes,
    /// It does not.
    Drops(Place),
    /// It may not: the rule, or the first of several, depends on what is not
    /// known here.
    MayDrop(Place),
}

/// What drops a packet, or may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// The chain.
    pub chain: ChainName,
    /// The rule in it; `None`: the chain's policy.
    pub rule: Option<u64>,
}

impl Place {
    /// The rule's text in that of `nft --handle list ruleset`.
    #[must_use]
    pub(super) fn text(&self, ruleset: &str) -> Option<String> {
        let handle = format!("# handle {}", self.rule?);
        let mut lines = lines_of(ruleset, &self.chain);
        let line = lines.find_map(|line| line.strip_suffix(&handle))?;
        Some(line.trim().to_owned())
    }
}

/// Sends `packet` through the base chain.
pub(super) fn outcome(ruleset: &Ruleset, base: &Chain, packet: &Packet) -> Outcome {
    let mut walk = Walk {
        ruleset,
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
