//! The command that fixes a reason for not advertising, with the link's addresses filled in.

use autora_core::eligibility::Reason;
use autora_core::link::{Address, Link};
use autora_core::prefix::Prefix64;

use crate::advice::{self, ADDRESS};

/// The commands of [`advice::fix`], one for each affected address.
pub(super) fn fix(reason: &Reason, link: &Link) -> Option<String> {
    let command = advice::fix(reason, &link.name)?;
    let affected: Vec<_> = match reason {
        Reason::SeveralPrefixes(prefixes) => superfluous(prefixes, link).collect(),
        _ => return Some(command),
    };
    let commands: Vec<_> = affected
        .iter()
        .map(|address| command.replacen(ADDRESS, &address.local.to_string(), 1))
        .collect();
    (!commands.is_empty()).then(|| commands.join("; "))
}

fn inside(link: &Link, prefix: Prefix64) -> impl Iterator<Item = &Address> {
    let inside =
        move |address: &&Address| address.prefix_len == 64 && Prefix64::of(address.prefix_address) == prefix;
    link.addresses.iter().filter(inside)
}

/// All addresses in `prefixes` except those in the oldest /64.
fn superfluous<'a>(prefixes: &'a [Prefix64], link: &'a Link) -> impl Iterator<Item = &'a Address> {
    let since = move |prefix: &Prefix64| inside(link, *prefix).map(|address| address.created).min();
    let kept = prefixes.iter().copied().min_by_key(since);
    prefixes
        .iter()
        .filter(move |&&prefix| Some(prefix) != kept)
        .flat_map(move |&prefix| inside(link, prefix))
}
