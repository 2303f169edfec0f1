//! Whether a packet matches a rule, in three-valued logic.

use std::net::Ipv6Addr;
use std::ops::{Not, RangeInclusive};

use serde_json::Value;

use super::packet::{Datum, Packet, network, the_only};

/// In host byte order, and swapped, as nft 1.0.6 lists it on little-endian
/// machines. No protocol has the swapped number.
const ETH_P_IPV6: [u128; 2] = [0x86dd, 0xdd86];

/// A truth value that may be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Truth {
    No,
    Perhaps,
    Yes,
}

impl Truth {
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

/// Whether the packet has the field that the expression names. Without it no
/// comparison matches.
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

/// Whether the value of the expression `left` equals `right`, or is an element
/// of it if `right` is a set.
pub(super) fn equals(left: &Value, right: &Value, packet: &Packet) -> Truth {
    match the_only(right) {
        Some(("set", Value::Array(elements))) => {
            let any = |truth: Truth, element: &Value| truth.or(equals(left, element, packet));
            return elements.iter().fold(Truth::No, any);
        }
        Some(("elem", Value::Object(element))) => {
            // An element may also have a statement, such as a limit, on which the match depends.
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

/// The range of numbers that a value, a prefix or a range covers.
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

/// Compares names; a `*` at the end of `pattern` matches the rest. The content
/// of a named set (`@`) is unknown, and a backslash may escape the `*`.
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

/// The operator `in`, as on the flags of `ct state`.
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

/// A number, or an IPv6 address as one.
fn number(value: &Value) -> Option<u128> {
    match value.as_u64() {
        Some(number) => Some(number.into()),
        None => value.as_str()?.parse().ok().map(Ipv6Addr::to_bits),
    }
}

#[cfg(test)]
mod tests;
