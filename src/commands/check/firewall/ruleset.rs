//! nftables' chains and rules, as `nft` lists them.

use std::fmt;

use serde_json::Value;

use super::matching::Truth;

/// All chains of tables that are not dormant.
#[derive(Clone, Debug)]
pub(super) struct Ruleset {
    chains: Vec<Chain>,
}

/// A chain of rules.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub place: ChainName,
    /// The hook; `None` if it is not a base chain.
    pub hook: Option<String>,
    /// The interfaces of a base chain at the ingress or egress hook.
    pub devices: Vec<String>,
    /// Whether its policy is to drop.
    pub drops: Truth,
    /// Whether its type is `filter`, which sees every packet: `nat` sees only the first of a connection.
    pub is_filter: bool,
    /// Chains of one hook run in the order of this number.
    pub priority: Option<i64>,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// The full name of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ChainName {
    /// `inet`, `ip6`, `bridge`, `netdev`, …
    pub family: String,
    pub table: String,
    pub chain: String,
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.family, self.table, self.chain)
    }
}

/// A rule of a chain.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The number that identifies it in the table.
    pub handle: u64,
    /// The matches, actions and verdicts in order.
    pub statements: Vec<Value>,
}

impl Ruleset {
    /// Parses the output of `nft --json list ruleset`; `None` if it has another
    /// form. Older versions of nft omit the interfaces of chains (up to 1.0.6)
    /// and whether a table is dormant: `text`, the output without `--json`, has these.
    #[must_use]
    pub(super) fn parse(json: &[u8], text: &str) -> Option<Self> {
        let root: Value = serde_json::from_slice(json).ok()?;
        // In `text`, a line of a comment could look like a chain or a rule.
        if has_line_break(&root) {
            return None;
        }
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

    /// The chains that are attached to a hook.
    pub(super) fn base_chains(&self) -> impl Iterator<Item = &Chain> {
        self.chains.iter().filter(|chain| chain.hook.is_some())
    }

    /// The chain that a rule in `from` jumps to.
    pub(super) fn chain(&self, from: &ChainName, target: &str) -> Option<&Chain> {
        let is_it = |chain: &&Chain| {
            (&chain.place.family, &chain.place.table) == (&from.family, &from.table)
                && chain.place.chain == target
        };
        self.chains.iter().find(is_it)
    }
}

fn has_line_break(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(['\n', '\r']),
        Value::Array(values) => values.iter().any(has_line_break),
        Value::Object(fields) => fields.values().any(has_line_break),
        _ => false,
    }
}

/// The lines of the chain `wanted` in the text of a ruleset.
pub(super) fn lines_of<'a>(ruleset: &'a str, wanted: &'a ChainName) -> impl Iterator<Item = &'a str> {
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

/// Family and name of the dormant tables.
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

/// The names in a line such as `… hook egress devices = { e0, tap0 } priority filter; …`.
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

    /// Whether the names need no quoting, neither for a shell nor for nft.
    #[must_use]
    pub(super) fn is_plain(&self) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
        [&self.family, &self.table, &self.chain]
            .iter()
            .all(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(is_word))
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
            drops: match text("policy") {
                Some("accept") => Truth::No,
                Some("drop") => Truth::Yes,
                _ => Truth::Perhaps,
            },
            is_filter: text("type") == Some("filter"),
            priority: object.get("prio").and_then(Value::as_i64),
            rules: Vec::new(),
        })
    }

    /// Whether it is attached to interfaces and not to the whole host.
    #[must_use]
    pub(super) fn is_at_device(&self) -> bool {
        matches!(self.hook.as_deref(), Some("ingress" | "egress"))
    }
}

#[cfg(test)]
mod tests;
