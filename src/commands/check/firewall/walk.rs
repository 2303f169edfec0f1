//! Evaluates the rules of a chain for a packet.

use serde_json::Value;

use super::matching::{Truth, equals, holds};
use super::packet::Packet;
use super::ruleset::{Chain, ChainName, Rule, Ruleset, lines_of};

/// The kernel's limit of nested jumps (`NFT_JUMP_STACK_SIZE`).
const MAX_JUMP_DEPTH: usize = 16;

/// What a base chain does with a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Passes,
    Drops(Place),
    /// It depends on something unknown; the first rule that may drop the packet.
    MayDrop(Place),
}

/// The rule or policy that drops a packet, or may drop it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Place {
    pub chain: ChainName,
    /// The handle of the rule; `None` for the chain's policy.
    pub rule: Option<u64>,
}

impl Place {
    /// The rule's text in the output of `nft --handle list ruleset`.
    #[must_use]
    pub(super) fn text(&self, ruleset: &str) -> Option<String> {
        let handle = format!("# handle {}", self.rule?);
        let mut lines = lines_of(ruleset, &self.chain);
        let line = lines.find_map(|line| line.strip_suffix(&handle))?;
        Some(line.trim().to_owned())
    }
}

/// Evaluates the chain `base` for `packet`.
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

/// What a chain does with a packet, as far as is certain.
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
    /// `reached`: whether the packet certainly reaches the chain.
    fn through(&mut self, chain: &Chain, mut reached: bool, depth: usize) -> Fate {
        if depth > MAX_JUMP_DEPTH {
            return Fate::Returned;
        }
        for rule in &chain.rules {
            for (matches, verdict) in rule.verdicts(self.packet) {
                let certain = reached && matches == Truth::Yes;
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
                    // The packet may have left the chain at this rule.
                    _ => reached &= !ends_here,
                }
            }
        }
        Fate::Returned
    }

    /// A drop is certain only if no rule before it may have accepted the packet.
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
    /// The possible verdicts on the packet, each with whether it applies. Only
    /// one of several applies.
    fn verdicts(&self, packet: &Packet) -> Vec<(Truth, Verdict<'_>)> {
        let mut matches = Truth::Yes;
        for statement in &self.statements {
            let Some((kind, value)) = single_entry(statement) else {
                continue;
            };
            match kind.as_str() {
                "match" => matches = matches.and(holds(value, packet)),
                // Depends on more than the packet.
                "limit" | "quota" | "xt" | "ct count" => matches = matches.and(Truth::Unknown),
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

fn single_entry(object: &Value) -> Option<(&String, &Value)> {
    object.as_object()?.iter().next()
}

fn verdict<'a>(kind: &str, value: &'a Value) -> Option<Verdict<'a>> {
    let target = || value.get("target").and_then(Value::as_str);
    Some(match kind {
        "accept" => Verdict::Accept,
        "drop" | "reject" => Verdict::Drop,
        // Another program decides, or another interface gets the packet.
        "queue" | "fwd" => Verdict::MayDrop,
        "return" => Verdict::Return,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        _ => return None,
    })
}

/// The verdict that a map has for the packet, or all that are possible.
fn mapped<'a>(vmap: &'a Value, packet: &Packet, matches: Truth) -> Vec<(Truth, Verdict<'a>)> {
    let entries = vmap
        .get("data")
        .and_then(|data| data.get("set"))
        .and_then(Value::as_array);
    let (Some(key), Some(entries)) = (vmap.get("key"), entries) else {
        // The content of a named map is unknown.
        return vec![
            (Truth::Unknown, Verdict::MayDrop),
            (Truth::Unknown, Verdict::Accept),
        ];
    };
    let mut possible = Vec::new();
    for entry in entries {
        let Some([wanted, to]) = entry.as_array().map(Vec::as_slice) else {
            continue;
        };
        let Some(verdict) = single_entry(to).and_then(|(kind, value)| verdict(kind, value)) else {
            continue;
        };
        match equals(key, wanted, packet) {
            Truth::Yes => return vec![(matches, verdict)],
            Truth::Unknown => possible.push((Truth::Unknown, verdict)),
            Truth::No => {}
        }
    }
    possible
}

#[cfg(test)]
mod tests;
