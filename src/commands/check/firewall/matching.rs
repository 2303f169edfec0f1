//! Whether a packet matches, in a logic of three values: what is not known
//! for sure is never taken for the one or the other.

use std::net::Ipv6Addr;
use std::ops::{Not, RangeInclusive};

use serde_json::Value;

use super::packet::{Datum, Packet, network, the_only};

/// As it is, and in the byte order in which nft 1.0.6 lists it on most
/// machines. No protocol has the other number.
const ETH_P_IPV6: [u128; 2] = [0x86dd, 0xdd86];

/// An answer that may be open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Truth {
    /// It is not so.
    No,
    /// It cannot be told.
    Perhaps,
    /// It is so.
    Yes,
}

impl Truth {
    /// Both.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Perhaps,
        }
    }

    fn or(self, other: Self) -> Self {
        !(!self).and(!other)
    }
}

impl Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Perhaps => Self::Perhaps,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }
}

/// Whether a `match` statement holds for the packet.
pub(super) fn holds(statement: &Value, packet: &Packet) -> Truth {
    let (Some(op), Some(left), Some(right), Some(3)) = (
        statement.get("op").and_then(Value::as_str),
        statement.get("left"),
        statement.get("right"),
        statement.as_object().map(serde_json::Map::len),
    ) else {
        return Truth::Perhaps;
    };
    match op {
        "==" => equals(left, right, packet),
        "!=" => exists(left, packet).and(!equals(left, right, packet)),
        "in" => has_bit_of(&packet.value(left), right),
        "<" | ">" | "<=" | ">=" => match (packet.value(left), number(right)) {
            (Datum::Absent, _) => Truth::No,
            (Datum::Number(is), Some(bound)) => {
                let holds = |is: &u128| match op {
                    "<" => *is < bound,
                    ">" => *is > bound,
                    "<=" => *is <= bound,
                    _ => *is >= bound,
                };
                match (holds(is.start()), holds(is.end())) {
                    (true, true) => Truth::Yes,
                    (false, false) => Truth::No,
                    _ => Truth::Perhaps,
                }
            }
            _ => Truth::Perhaps,
        },
        _ => Truth::Perhaps,
    }
}

/// Whether the packet has what the expression is about. If not, the rule does
/// not match, whatever the comparison.
fn exists(left: &Value, packet: &Packet) -> Truth {
    if let Some(("concat", parts)) = the_only(left) {
        let parts = parts.as_array().map(Vec::as_slice).unwrap_or_default();
        return parts
            .iter()
            .fold(Truth::Yes, |truth, part| truth.and(exists(part, packet)));
    }
    match packet.value(left) {
        Datum::Absent => Truth::No,
        Datum::Unknown => Truth::Perhaps,
        Datum::Number(_) | Datum::EtherType | Datum::Name(_) => Truth::Yes,
    }
}

/// Whether the value of the expression `left` is `right`, or in the set that
/// `right` is.
pub(super) fn equals(left: &Value, right: &Value, packet: &Packet) -> Truth {
    match the_only(right) {
        Some(("set", Value::Array(elements))) => {
            let any = |truth: Truth, element: &Value| truth.or(equals(left, element, packet));
            return elements.iter().fold(Truth::No, any);
        }
        Some(("elem", Value::Object(element))) => {
            // Further statements of an element, such as a limit, decide as well.
            let is_plain = |key: &String| matches!(key.as_str(), "val" | "comment" | "counter");
            return match element.get("val") {
                Some(value) if element.keys().all(is_plain) => equals(left, value, packet),
                _ => Truth::Perhaps,
            };
        }
        _ => {}
    }
    if let Some(("concat", Value::Array(parts))) = the_only(left) {
        let values = match the_only(right) {
            Some(("concat", Value::Array(values))) if values.len() == parts.len() => values,
            _ => return Truth::Perhaps,
        };
        let pairs = parts.iter().zip(values);
        return pairs.fold(Truth::Yes, |truth, (part, value)| {
            truth.and(equals(part, value, packet))
        });
    }
    match packet.value(left) {
        Datum::Absent => Truth::No,
        Datum::Unknown => Truth::Perhaps,
        Datum::Number(is) => numbers(right).map_or(Truth::Perhaps, |wanted| is_within(&is, &wanted)),
        Datum::EtherType => {
            number(right).map_or(Truth::Perhaps, |wanted| ETH_P_IPV6.contains(&wanted).into())
        }
        Datum::Name(is) => right
            .as_str()
            .map_or(Truth::Perhaps, |pattern| equals_name(&is, pattern)),
    }
}

/// The numbers that a value, a prefix or a range stands for.
fn numbers(right: &Value) -> Option<RangeInclusive<u128>> {
    match the_only(right) {
        Some(("prefix", prefix)) => {
            let address: Ipv6Addr = prefix.get("addr")?.as_str()?.parse().ok()?;
            let len = prefix.get("len")?.as_u64()?.try_into().ok()?;
            (len <= 128).then(|| network(address, len))
        }
        Some(("range", Value::Array(ends))) => match &ends[..] {
            [first, last] => Some(number(first)?..=number(last)?),
            _ => None,
        },
        _ => number(right).map(|number| number..=number),
    }
}

fn is_within(is: &RangeInclusive<u128>, wanted: &RangeInclusive<u128>) -> Truth {
    if wanted.contains(is.start()) && wanted.contains(is.end()) {
        Truth::Yes
    } else if is.end() < wanted.start() || wanted.end() < is.start() {
        Truth::No
    } else {
        Truth::Perhaps
    }
}

/// A name at the end of which a star stands for the rest. A set that has a
/// name itself may hold anything; a backslash takes a star's meaning away.
fn equals_name(is: &str, pattern: &str) -> Truth {
    if pattern.starts_with('@') || pattern.contains('\\') {
        return Truth::Perhaps;
    }
    match pattern.strip_suffix('*') {
        Some("") => return Truth::Perhaps,
        Some(start) => is.starts_with(start),
        None => is == pattern,
    }
    .into()
}

/// `in`, as for the flags of `ct state`.
fn has_bit_of(datum: &Datum, right: &Value) -> Truth {
    let flags: Option<u128> = match right.as_array() {
        Some(flags) => flags
            .iter()
            .map(number)
            .try_fold(0, |all, flag| Some(all | flag?)),
        None => number(right),
    };
    match (datum, flags) {
        (Datum::Absent, _) => Truth::No,
        (Datum::Number(is), Some(flags)) if is.start() == is.end() => (is.start() & flags != 0).into(),
        _ => Truth::Perhaps,
    }
}

/// A number or an address; IPv4 addresses are not comparable with ours.
fn number(value: &Value) -> Option<u128> {
    match value.as_u64() {
        Some(number) => Some(number.into()),
        None => value.as_str()?.parse().ok().map(Ipv6Addr::to_bits),
    }
}

#[cfg(test)]
mod tests;
