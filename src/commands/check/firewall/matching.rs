//! Whether a packet matches a rule, in three-valued logic.

use std::net::Ipv6Addr;
use std::ops::Not;

use serde_json::Value;

use super::packet::{Datum, Packet};

/// In host byte order, and swapped, as nft 1.0.6 lists it on little-endian
/// machines. No protocol has the swapped number.
const ETH_P_IPV6: [u128; 2] = [0x86dd, 0xdd86];

/// A truth value that may be unknown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Truth {
    No,
    Unknown,
    Yes,
}

impl Truth {
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, Self::Yes) => Self::Yes,
            _ => Self::Unknown,
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
            Self::Unknown => Self::Unknown,
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
    let (Some(op), Some(left), Some(right)) = (
        statement.get("op").and_then(Value::as_str),
        statement.get("left"),
        statement.get("right"),
    ) else {
        return Truth::Unknown;
    };
    match op {
        "==" => equals(left, right, packet),
        "in" => has_bit_of(&packet.value(left), right),
        "!=" if packet.value(left) == Datum::Absent => Truth::No,
        "!=" => !equals(left, right, packet),
        "<" | ">" | "<=" | ">=" => match (packet.value(left), number(right)) {
            (Datum::Absent, _) => Truth::No,
            (Datum::Number(is), Some(bound)) => match op {
                "<" => is < bound,
                ">" => is > bound,
                "<=" => is <= bound,
                _ => is >= bound,
            }
            .into(),
            _ => Truth::Unknown,
        },
        _ => Truth::Unknown,
    }
}

/// Whether the value of the expression `left` equals `right`, or is an element
/// of it if `right` is a set.
pub(super) fn equals(left: &Value, right: &Value, packet: &Packet) -> Truth {
    if let Some(elements) = right.get("set").and_then(Value::as_array) {
        let any = |truth: Truth, element: &Value| truth.or(equals(left, element, packet));
        return elements.iter().fold(Truth::No, any);
    }
    // An element with a comment, a timeout or a counter.
    if let Some(value) = right.get("elem").and_then(|elem| elem.get("val")) {
        return equals(left, value, packet);
    }
    if let Some(parts) = left.get("concat").and_then(Value::as_array) {
        let Some(values) = right.get("concat").and_then(Value::as_array) else {
            return Truth::Unknown;
        };
        let pairs = parts.iter().zip(values);
        return pairs.fold(Truth::Yes, |truth, (part, value)| {
            truth.and(equals(part, value, packet))
        });
    }
    match packet.value(left) {
        Datum::Absent => Truth::No,
        Datum::Unknown => Truth::Unknown,
        Datum::Number(is) => equals_number(is, right),
        Datum::EtherType => ETH_P_IPV6
            .map(|is| equals_number(is, right))
            .into_iter()
            .fold(Truth::No, Truth::or),
        Datum::Name(is) => right
            .as_str()
            .map_or(Truth::Unknown, |pattern| equals_name(&is, pattern)),
    }
}

fn equals_number(is: u128, right: &Value) -> Truth {
    if let Some(prefix) = right.get("prefix") {
        let len = prefix.get("len").and_then(Value::as_u64);
        return match (prefix.get("addr").and_then(number), len) {
            (Some(network), Some(len @ 1..=128)) => {
                let host_bits = 128 - len;
                (is >> host_bits == network >> host_bits).into()
            }
            (Some(_), Some(0)) => Truth::Yes,
            _ => Truth::Unknown,
        };
    }
    if let Some([first, last]) = right.get("range").and_then(Value::as_array).map(Vec::as_slice) {
        return match (number(first), number(last)) {
            (Some(first), Some(last)) => (first..=last).contains(&is).into(),
            _ => Truth::Unknown,
        };
    }
    number(right).map_or(Truth::Unknown, |number| (is == number).into())
}

/// Compares names; a `*` at the end of `pattern` matches the rest. The content
/// of a named set (`@`) is unknown.
fn equals_name(is: &str, pattern: &str) -> Truth {
    if pattern.starts_with('@') {
        return Truth::Unknown;
    }
    match pattern.strip_suffix('*') {
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
        (Datum::Number(is), Some(flags)) => (is & flags != 0).into(),
        _ => Truth::Unknown,
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
