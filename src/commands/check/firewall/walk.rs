//! The way of a packet through a chain of rules: all that may become of it.
//!
//! What a statement does is known for those of a closed list. Any other may do
//! anything: drop the packet, accept it, change it, or nothing.

use serde_json::{Map, Value};

use super::matching::{Truth, equals, holds};
use super::packet::{Packet, the_only};
use super::ruleset::{Chain, ChainName, Rule, Ruleset, lines_of};

/// What becomes of a packet in a base chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// It passes.
    Passes,
    /// It does not.
    Drops(Place),
    /// It may not: the first rule that may drop it.
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

/// All that may become of a packet; of several only one comes true.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is possible beside the others")]
pub(super) struct Fates {
    /// It is dropped: by the first place of these, up to the last.
    drops: Option<(Place, Place)>,
    /// It leaves the base chain and lives.
    accepts: bool,
    /// It leaves the chain, and goes on in the one that called it.
    returns: bool,
    /// It goes on with the next rule.
    goes_on: bool,
    /// It is changed, or takes another way than through the other chains.
    pub diverted: bool,
}

impl Fates {
    /// What is known of it in the end.
    #[must_use]
    pub(super) fn outcome(&self) -> Outcome {
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

    /// What a statement does that is not understood.
    fn anything_at(&mut self, place: &Place) {
        self.drop_at(place);
        (self.accepts, self.returns, self.goes_on, self.diverted) = (true, true, true, true);
    }

    fn add(&mut self, other: Self) {
        self.add_drops(other.drops);
        self.accepts |= other.accepts;
        self.returns |= other.returns;
        self.goes_on |= other.goes_on;
        self.diverted |= other.diverted;
    }
}

/// Sends `packet` through the base chain, which it may not reach unless `surely`.
pub(super) fn fates(ruleset: &Ruleset, base: &Chain, packet: &Packet, surely: bool) -> Fates {
    let mut walk = Walk {
        ruleset,
        packet,
        known: Vec::new(),
    };
    let mut fates = walk.through(base);
    if fates.returns {
        if base.drops != Truth::No {
            fates.drop_at(&Place {
                chain: base.place.clone(),
                rule: None,
            });
        }
        fates.accepts |= base.drops != Truth::Yes;
    }
    // The kernel asks chains of the other types about some packets only.
    fates.accepts |= !surely || !base.is_filter;
    fates
}

struct Walk<'a> {
    ruleset: &'a Ruleset,
    packet: &'a Packet,
    /// What was found for chains that are jumped to, so that each is gone
    /// through once; `None` while that is under way.
    known: Vec<(&'a str, Option<Fates>)>,
}

impl<'a> Walk<'a> {
    fn through(&mut self, chain: &'a Chain) -> Fates {
        let mut fates = Fates::default();
        for rule in &chain.rules {
            fates.goes_on = false;
            self.meet(chain, rule, &mut fates);
            if !fates.goes_on {
                return fates;
            }
        }
        (fates.goes_on, fates.returns) = (false, true);
        fates
    }

    /// Adds what the rule may do with the packet.
    fn meet(&mut self, chain: &'a Chain, rule: &'a Rule, fates: &mut Fates) {
        let place = Place {
            chain: chain.place.clone(),
            rule: Some(rule.handle),
        };
        for statement in &rule.statements {
            let effect = effect(statement, self.packet);
            fates.diverted |= matches!(effect, Effect::Diverts | Effect::Translates);
            match effect {
                Effect::Nothing | Effect::Tests(Truth::Yes) => {}
                Effect::Tests(Truth::No) => {
                    fates.goes_on = true;
                    return;
                }
                Effect::Tests(Truth::Perhaps) | Effect::Diverts => fates.goes_on = true,
                Effect::Translates => {
                    (fates.accepts, fates.goes_on) = (true, true);
                }
                Effect::Ends(verdicts) => {
                    let certain = verdicts.last().is_some_and(|(truth, _)| *truth == Truth::Yes);
                    fates.goes_on |= !certain;
                    for (_, verdict) in verdicts {
                        self.follow(chain, &place, verdict, fates);
                    }
                    return;
                }
                Effect::Anything => {
                    fates.anything_at(&place);
                    return;
                }
            }
        }
        fates.goes_on = true;
    }

    fn follow(&mut self, chain: &'a Chain, place: &Place, verdict: Verdict<'a>, fates: &mut Fates) {
        match verdict {
            Verdict::Accept => fates.accepts = true,
            Verdict::Drop => fates.drop_at(place),
            Verdict::Return => fates.returns = true,
            Verdict::Continue => fates.goes_on = true,
            Verdict::Jump(target) => {
                let mut there = self.called(chain, place, target);
                there.goes_on |= there.returns;
                there.returns = false;
                fates.add(there);
            }
            Verdict::Goto(target) => fates.add(self.called(chain, place, target)),
        }
    }

    /// What becomes of the packet in the chain `target` of the same table.
    fn called(&mut self, chain: &'a Chain, place: &Place, target: &'a str) -> Fates {
        let mut anything = Fates::default();
        anything.anything_at(place);
        if let Some((_, known)) = self.known.iter().find(|(name, _)| *name == target) {
            return known.clone().unwrap_or(anything);
        }
        let Some(called) = self.ruleset.chain(&chain.place, target) else {
            return anything;
        };
        let index = self.known.len();
        self.known.push((target, None));
        let fates = self.through(called);
        if let Some((_, known)) = self.known.get_mut(index) {
            *known = Some(fates.clone());
        }
        fates
    }
}

/// What a statement does with the packet.
enum Effect<'a> {
    /// Nothing that matters here.
    Nothing,
    /// The packet goes on with the next statement, or with the next rule.
    Tests(Truth),
    /// The same, and it may be another one afterwards, or take another way.
    Diverts,
    /// It gets another address, if it goes on, and is accepted.
    Translates,
    /// The one verdict that it gets (the last, `Yes`), or all that it may get.
    Ends(Vec<(Truth, Verdict<'a>)>),
    /// It is not understood.
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

/// The closed list of what is understood.
fn effect<'a>(statement: &'a Value, packet: &Packet) -> Effect<'a> {
    let Some((kind, value)) = the_only(statement) else {
        return Effect::Anything;
    };
    match kind {
        "match" => Effect::Tests(holds(value, packet)),
        "limit" | "quota" => Effect::Tests(Truth::Perhaps),
        "log" | "last" => Effect::Nothing,
        "counter" if is_counter(value) => Effect::Nothing,
        // A set that is full, or lacks the element, lets the packet go on with the next rule.
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

/// A counter's own or that of a name, and not one that a map chooses.
fn is_counter(value: &Value) -> bool {
    match value {
        Value::Null | Value::String(_) => true,
        Value::Object(fields) => fields
            .keys()
            .all(|key| matches!(key.as_str(), "packets" | "bytes")),
        _ => false,
    }
}

/// Those that are run for an element that a packet adds.
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

/// A mark may change the packet's way, and an option of TCP the packet.
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
        // The other types are for other packets; nft does not list what asks for those.
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

/// The verdict that a map has for the packet, or those that it may have.
fn mapped<'a>(vmap: &'a Value, packet: &Packet) -> Effect<'a> {
    let entries = vmap
        .get("data")
        .and_then(the_only)
        .and_then(|(kind, set)| if kind == "set" { set.as_array() } else { None });
    // A map with a name may hold anything.
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
