//! Evaluates the rules of a chain for a packet: all possible outcomes.
//!
//! The statements that are understood are a closed list. Any other may drop the
//! packet, accept it, change it, or do nothing.

use serde_json::{Map, Value};

use super::matching::{Truth, equals, holds};
use super::packet::{Packet, the_only};
use super::ruleset::{Chain, ChainName, Rule, Ruleset, lines_of};

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

/// All possible outcomes for a packet in a chain.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each outcome may be possible beside the others"
)]
pub(super) struct Outcomes {
    /// The first and the last place that may drop it.
    drops: Option<(Place, Place)>,
    /// It is accepted, and so leaves the base chain.
    accepts: bool,
    /// It returns to the chain that jumped to this one.
    returns: bool,
    /// It continues with the next rule.
    continues: bool,
    /// It is changed, or does not pass the chains that it would have passed.
    pub diverted: bool,
}

impl Outcomes {
    /// The outcome as far as it is certain.
    #[must_use]
    pub(super) fn summary(&self) -> Outcome {
        match &self.drops {
            None => Outcome::Passes,
            Some((_, last)) if !self.accepts => Outcome::Drops(last.clone()),
            Some((first, _)) => Outcome::MayDrop(first.clone()),
        }
    }

    fn drop_at(&mut self, place: &Place) {
        self.add_drops(Some((place.clone(), place.clone())));
    }

    fn add_drops(&mut self, more: Option<(Place, Place)>) {
        self.drops = match (self.drops.take(), more) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (drops, more) => drops.or(more),
        };
    }

    /// Adds everything that an unknown statement may do.
    fn anything_at(&mut self, place: &Place) {
        self.drop_at(place);
        (self.accepts, self.returns, self.continues, self.diverted) = (true, true, true, true);
    }

    fn add(&mut self, other: Self) {
        self.add_drops(other.drops);
        self.accepts |= other.accepts;
        self.returns |= other.returns;
        self.continues |= other.continues;
        self.diverted |= other.diverted;
    }
}

/// Evaluates the chain `base` for `packet`, which it certainly passes only if `certain`.
pub(super) fn outcomes(ruleset: &Ruleset, base: &Chain, packet: &Packet, certain: bool) -> Outcomes {
    let mut walk = Walk {
        ruleset,
        packet,
        known: Vec::new(),
    };
    let mut outcomes = walk.through(base);
    if outcomes.returns {
        if base.drops != Truth::No {
            outcomes.drop_at(&Place {
                chain: base.place.clone(),
                rule: None,
            });
        }
        outcomes.accepts |= base.drops != Truth::Yes;
    }
    // Chains of the other types see only some packets.
    outcomes.accepts |= !certain || !base.is_filter;
    outcomes
}

struct Walk<'a> {
    ruleset: &'a Ruleset,
    packet: &'a Packet,
    /// The outcomes of chains that are jumped to, so that each is evaluated only
    /// once; `None` during its evaluation.
    known: Vec<(&'a str, Option<Outcomes>)>,
}

impl<'a> Walk<'a> {
    fn through(&mut self, chain: &'a Chain) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for rule in &chain.rules {
            outcomes.continues = false;
            self.apply(chain, rule, &mut outcomes);
            if !outcomes.continues {
                return outcomes;
            }
        }
        (outcomes.continues, outcomes.returns) = (false, true);
        outcomes
    }

    /// Adds what the rule may do with the packet.
    fn apply(&mut self, chain: &'a Chain, rule: &'a Rule, outcomes: &mut Outcomes) {
        let place = Place {
            chain: chain.place.clone(),
            rule: Some(rule.handle),
        };
        for statement in &rule.statements {
            let effect = effect(statement, self.packet);
            outcomes.diverted |= matches!(effect, Effect::Diverts | Effect::Translates);
            match effect {
                Effect::Nothing | Effect::Tests(Truth::Yes) => {}
                Effect::Tests(Truth::No) => {
                    outcomes.continues = true;
                    return;
                }
                Effect::Tests(Truth::Perhaps) | Effect::Diverts => outcomes.continues = true,
                Effect::Translates => {
                    (outcomes.accepts, outcomes.continues) = (true, true);
                }
                Effect::Ends(verdicts) => {
                    let certain = verdicts.last().is_some_and(|(truth, _)| *truth == Truth::Yes);
                    outcomes.continues |= !certain;
                    for (_, verdict) in verdicts {
                        self.follow(chain, &place, verdict, outcomes);
                    }
                    return;
                }
                Effect::Anything => {
                    outcomes.anything_at(&place);
                    return;
                }
            }
        }
        outcomes.continues = true;
    }

    fn follow(&mut self, chain: &'a Chain, place: &Place, verdict: Verdict<'a>, outcomes: &mut Outcomes) {
        match verdict {
            Verdict::Accept => outcomes.accepts = true,
            Verdict::Drop => outcomes.drop_at(place),
            Verdict::Return => outcomes.returns = true,
            Verdict::Continue => outcomes.continues = true,
            Verdict::Jump(target) => {
                let mut there = self.called(chain, place, target);
                there.continues |= there.returns;
                there.returns = false;
                outcomes.add(there);
            }
            Verdict::Goto(target) => outcomes.add(self.called(chain, place, target)),
        }
    }

    /// The outcomes in the chain `target` of the same table.
    fn called(&mut self, chain: &'a Chain, place: &Place, target: &'a str) -> Outcomes {
        let mut anything = Outcomes::default();
        anything.anything_at(place);
        if let Some((_, known)) = self.known.iter().find(|(name, _)| *name == target) {
            return known.clone().unwrap_or(anything);
        }
        let Some(called) = self.ruleset.chain(&chain.place, target) else {
            return anything;
        };
        let index = self.known.len();
        self.known.push((target, None));
        let outcomes = self.through(called);
        if let Some((_, known)) = self.known.get_mut(index) {
            *known = Some(outcomes.clone());
        }
        outcomes
    }
}

/// What a statement does with the packet.
enum Effect<'a> {
    /// No effect on the packet.
    Nothing,
    /// The packet continues with the next statement if this is true, else with the next rule.
    Tests(Truth),
    /// It may be changed, or pass other chains than before.
    Diverts,
    /// It may get another address and be accepted.
    Translates,
    /// All verdicts that it may get; if the last one is `Yes`, it certainly gets one of them.
    Ends(Vec<(Truth, Verdict<'a>)>),
    /// An unknown statement.
    Anything,
}

#[derive(Clone, Copy)]
enum Verdict<'a> {
    Accept,
    Drop,
    Return,
    Continue,
    Jump(&'a str),
    Goto(&'a str),
}

/// The closed list of statements.
fn effect<'a>(statement: &'a Value, packet: &Packet) -> Effect<'a> {
    let Some((kind, value)) = the_only(statement) else {
        return Effect::Anything;
    };
    match kind {
        "match" => Effect::Tests(holds(value, packet)),
        "limit" | "quota" => Effect::Tests(Truth::Perhaps),
        "log" | "last" => Effect::Nothing,
        "counter" if is_counter(value) => Effect::Nothing,
        // If a set is full or lacks the element, the packet continues with the next rule.
        "set" | "map" if statements_of(value).all(only_tests) => Effect::Tests(Truth::Perhaps),
        "mangle" if is_mark(value) => Effect::Diverts,
        "notrack" | "flow" => Effect::Diverts,
        "snat" | "dnat" => Effect::Translates,
        "vmap" => mapped(value, packet),
        _ => match verdict(kind, value) {
            Some(Verdict::Continue) => Effect::Nothing,
            Some(verdict) => Effect::Ends(vec![(Truth::Yes, verdict)]),
            None => Effect::Anything,
        },
    }
}

/// An anonymous or a named counter, but not one that a map chooses.
fn is_counter(value: &Value) -> bool {
    match value {
        Value::Null | Value::String(_) => true,
        Value::Object(fields) => fields
            .keys()
            .all(|key| matches!(key.as_str(), "packets" | "bytes")),
        _ => false,
    }
}

/// The statements that are run for an element that a packet adds.
fn statements_of(value: &Value) -> impl Iterator<Item = &Value> {
    let statements = value.get("stmt").and_then(Value::as_array);
    statements.into_iter().flatten()
}

fn only_tests(statement: &Value) -> bool {
    matches!(
        the_only(statement),
        Some(("counter" | "limit" | "quota" | "last", _))
    )
}

/// A mark may change the packet's route, and an option of TCP the packet.
fn is_mark(mangled: &Value) -> bool {
    let key = mangled.get("key").and_then(the_only);
    match key {
        Some(("meta", fields)) => ["mark", "priority", "nftrace"]
            .iter()
            .any(|key| has_only(fields, key)),
        Some(("ct", fields)) => has_only(fields, "mark"),
        Some((kind, _)) => kind == "tcp option",
        None => false,
    }
}

fn has_only(fields: &Value, key: &str) -> bool {
    the_only(fields).is_some_and(|(name, value)| name == "key" && value == key)
}

fn verdict<'a>(kind: &str, value: &'a Value) -> Option<Verdict<'a>> {
    let target = || value.get("target").and_then(Value::as_str);
    Some(match kind {
        "accept" => Verdict::Accept,
        "drop" => Verdict::Drop,
        // The other types apply only to other protocols; nft omits the match that these rules contain.
        "reject" => match value.get("type").map(Value::as_str) {
            None | Some(Some("icmpx" | "icmpv6")) => Verdict::Drop,
            Some(_) => return None,
        },
        "return" => Verdict::Return,
        "continue" => Verdict::Continue,
        "jump" => Verdict::Jump(target()?),
        "goto" => Verdict::Goto(target()?),
        _ => return None,
    })
}

/// The verdict that a map has for the packet, or all that are possible.
fn mapped<'a>(vmap: &'a Value, packet: &Packet) -> Effect<'a> {
    let entries = vmap
        .get("data")
        .and_then(the_only)
        .and_then(|(kind, set)| if kind == "set" { set.as_array() } else { None });
    // The content of a named map is unknown.
    let (Some(key), Some(entries), Some(2)) = (vmap.get("key"), entries, vmap.as_object().map(Map::len))
    else {
        return Effect::Anything;
    };
    let mut possible = Vec::new();
    for entry in entries {
        let Some([wanted, to]) = entry.as_array().map(Vec::as_slice) else {
            return Effect::Anything;
        };
        let Some(verdict) = the_only(to).and_then(|(kind, value)| verdict(kind, value)) else {
            return Effect::Anything;
        };
        match equals(key, wanted, packet) {
            Truth::Yes => return Effect::Ends(vec![(Truth::Yes, verdict)]),
            Truth::Perhaps => possible.push((Truth::Perhaps, verdict)),
            Truth::No => {}
        }
    }
    if possible.is_empty() {
        Effect::Tests(Truth::No)
    } else {
        Effect::Ends(possible)
    }
}

#[cfg(test)]
mod tests;
