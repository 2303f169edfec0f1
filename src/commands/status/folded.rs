//! The table of what is selected: a line for each reason, with the interfaces that have it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write;

use autora_core::interface_name::IfName;

use super::overview::{Instance, MissingInstance, Overview};
use super::table::{Style, overdue, wrap};
use crate::advice::shell;

/// Stands for the name in a command that is for several interfaces.
const NAME: &str = "NAME";

/// The interfaces with one reason.
struct Fold {
    names: Vec<IfName>,
    /// The reason of the first.
    first: String,
}

pub(super) fn render(overview: &Overview, style: Style) -> String {
    let instances = overview
        .instances
        .iter()
        .map(|instance| (*instance.record.interface, of_instance(instance)));
    let missing = overview
        .missing
        .iter()
        .map(|missing| (missing.name, of_missing(missing)));
    let mut folds: BTreeMap<String, Fold> = BTreeMap::new();
    for (name, reason) in instances.chain(missing) {
        let fold = folds.entry(without_name(&reason, &name)).or_insert_with(|| Fold {
            names: Vec::new(),
            first: reason,
        });
        fold.names.push(name);
    }
    let mut folds: Vec<_> = folds.into_iter().collect();
    folds.sort_by_key(|(_, fold)| Reverse(fold.names.len()));
    let mut text = String::new();
    for (reason, Fold { names, first }) in folds {
        let reason = if names.len() == 1 { first } else { reason };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} {reason}", names.len());
        let names: Vec<_> = names.iter().map(shell::interface).collect();
        wrap(&mut text, &names.join(" "), style.width);
    }
    text
}

fn of_instance(instance: &Instance) -> String {
    let record = &instance.record;
    let elsewhere = if instance.in_other_namespace {
        " in another network namespace"
    } else {
        ""
    };
    let why = if instance.overdue {
        format!(": {}", overdue(instance))
    } else if record.reason.is_empty() {
        String::new()
    } else {
        format!(": {}: {}", record.reason, record.explanation)
    };
    format!("{}{elsewhere}{why}", record.state.key())
}

fn of_missing(missing: &MissingInstance) -> String {
    let state = missing.state.key();
    format!("{state}: {}: {}", missing.reason, missing.whole_explanation())
}

/// The same reason for whatever interface.
fn without_name(reason: &str, name: &IfName) -> String {
    let reason = reason.replace(&shell::unit(name), &format!("autora@{NAME}"));
    let name = shell::interface(name);
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let (mut text, mut end) = (String::new(), 0);
    for (at, found) in reason.match_indices(&name) {
        let (before, after) = (&reason[..at], &reason[at + found.len()..]);
        if !before.ends_with(belongs) && !after.starts_with(belongs) {
            text.push_str(&reason[end..at]);
            text.push_str(NAME);
            end = at + found.len();
        }
    }
    text + &reason[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_names_are_replaced() {
        let of = |name: &[u8], reason: &str| without_name(reason, &IfName::new(name).unwrap());
        assert_eq!(of(b"tap1", "ip link set tap1 up"), "ip link set NAME up");
        assert_eq!(
            of(b"tap1", "sysctl -w net.ipv6.conf.tap1.forwarding=1; tap11 xtap1"),
            "sysctl -w net.ipv6.conf.NAME.forwarding=1; tap11 xtap1"
        );
        assert_eq!(of(b"a", "a carrier"), "NAME carrier");
        assert_eq!(
            of(b"tap+1", r"systemctl unmask 'autora@tap\x2b1'"),
            "systemctl unmask autora@NAME"
        );
        assert_eq!(of(b"it's", r"ip link set 'it'\''s' up"), "ip link set NAME up");
    }
}
