//! What the host's neighbour table says of guests: read when somebody asks, and put into words.
//!
//! It holds what a guest claims, and only what it has said to this host: a guest that made itself an
//! address and has not used it yet is not there, nor is one that the kernel forgot while it was idle.

use std::collections::BTreeMap;
use std::io;

use autora_core::interface_name::IfName;
use autora_core::neighbour::{Guest, Neighbour, NeighbourTable};
use autora_core::prefix::Prefix64;

use super::{counted, span};
use crate::advice::shell;
use crate::kernel::rtnetlink::neighbours::Neighbours;

/// What was read.
#[derive(Debug)]
pub(super) struct Seen {
    /// The guest on each link that was asked about, or why nothing is known of it.
    guests: BTreeMap<u32, Result<Guest, String>>,
    /// The size of the table, if the kernel tells.
    pub(super) table: Option<NeighbourTable>,
}

/// The words about one guest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Words {
    pub(super) found: String,
    /// A command that shows more, or fixes it.
    pub(super) fix: Option<String>,
    /// Whether it has an address that it should have.
    pub(super) is_there: bool,
}

impl Seen {
    /// Reads the table once, for `links` of this network namespace: their indices, and their /64s.
    pub(super) fn read(links: &[(u32, Option<Prefix64>)]) -> Self {
        Self::try_read(links).unwrap_or_else(|error| {
            let nothing = |&(ifindex, _): &(u32, _)| (ifindex, Err(unreadable(&error)));
            Self {
                guests: links.iter().map(nothing).collect(),
                table: None,
            }
        })
    }

    fn try_read(links: &[(u32, Option<Prefix64>)]) -> io::Result<Self> {
        let mut neighbours = Neighbours::open()?;
        let table = neighbours.table()?;
        let mut empty = BTreeMap::new();
        for &(ifindex, prefix) in links {
            let guest = match neighbours.are_found_on(ifindex) {
                Ok(true) => Ok(Guest::new(prefix, neighbours.own_addresses(ifindex)?)),
                Ok(false) => Err(
                    "the kernel does no neighbour discovery on this link, so what its guest has cannot be seen"
                        .to_owned(),
                ),
                Err(error) => Err(unreadable(&error)),
            };
            empty.insert(ifindex, guest);
        }
        if links.is_empty() {
            return Ok(Self { guests: empty, table });
        }
        let only = match links {
            [(ifindex, _)] => Some(*ifindex),
            _ => None,
        };
        let guests = neighbours.collect(
            only,
            || empty.clone(),
            |guests, ifindex, neighbour| {
                if let Some(Ok(guest)) = guests.get_mut(&ifindex) {
                    guest.see(neighbour);
                }
            },
        )?;
        Ok(Self { guests, table })
    }

    /// What is known of the guest on a link that was asked about.
    pub(super) fn take(&mut self, ifindex: u32) -> Result<Guest, String> {
        let unknown = || Err("its neighbours were not read".to_owned());
        self.guests.remove(&ifindex).unwrap_or_else(unknown)
    }
}

fn unreadable(error: &io::Error) -> String {
    format!("the neighbour table cannot be read: {error}")
}

impl Words {
    /// On the link `name`. `table` matters only where nobody is seen.
    pub(super) fn of(guest: &Guest, table: Option<NeighbourTable>, name: &IfName) -> Self {
        let is_there = match guest.prefix {
            Some(_) => guest.in_prefix > 0,
            None => guest.link_local > 0,
        };
        let mut parts = Vec::from_iter(claims(guest));
        if guest.unanswered > 0 {
            let asked = listed(guest.asked(), guest.unanswered, |it| {
                format!("{} ({} ago)", it.address, span(it.age))
            });
            parts.push(format!("this host asked and got no answer from {asked}"));
        }
        if guest.set_by_hand > 0 {
            let entries = counted(guest.set_by_hand, "entry", "entries");
            parts.push(format!("{entries} set on this host by hand"));
        }
        let mut fix = None;
        if !is_there {
            let (cause, command) = cause(guest, table, name);
            let place = guest.prefix.map_or_else(String::new, |it| format!(" in {it}"));
            parts.push(format!("no guest address seen{place}: {cause}"));
            fix = Some(command);
        }
        Self {
            found: parts.join("; "),
            fix,
            is_there,
        }
    }
}

/// The addresses that were heard.
fn claims(guest: &Guest) -> Option<String> {
    let total = guest.in_prefix + guest.link_local;
    let heard = (total > 0).then(|| {
        listed(guest.heard(), total, |it| {
            format!("{} ({}, {} ago)", it.address, it.state.key(), span(it.age))
        })
    });
    let outside = (guest.outside > 0).then(|| {
        let place = guest
            .prefix
            .map_or_else(String::new, |it| format!(" outside {it}"));
        counted(guest.outside, "address", "addresses") + &place
    });
    let claims: Vec<_> = heard.into_iter().chain(outside).collect();
    (!claims.is_empty()).then(|| format!("as the guest claims: {}", claims.join(" and ")))
}

/// Why nobody is seen, and the command that helps.
fn cause(guest: &Guest, table: Option<NeighbourTable>, name: &IfName) -> (String, String) {
    if let Some(table) = table.filter(NeighbourTable::is_full) {
        let (entries, limit) = (table.entries, table.limit);
        let cause = format!(
            "the kernel's neighbour table is full ({entries} of {limit} entries), so the guest may be there and not be seen"
        );
        return (cause, raise_limit(&table));
    }
    let cause = if guest.link_local + guest.outside > 0 {
        "the guest has none, or has not used it with this host; it answers this from its address, if it has one"
    } else {
        "the guest has not spoken to this host since the link came up, or was idle and is forgotten; \
         if it is there, it answers this"
    };
    (cause.to_owned(), ask_all(guest, name))
}

/// The command that enlarges the neighbour table.
pub(super) fn raise_limit(table: &NeighbourTable) -> String {
    let key = "net.ipv6.neigh.default.gc_thresh";
    let limit = u64::from(table.limit);
    format!("sysctl -w {key}2={} {key}3={}", limit * 4, limit * 8)
}

/// The command that every node on the link answers, from its address in the /64 if it has one: it
/// answers a global address, for which a link-local one is the last choice (RFC 6724).
fn ask_all(guest: &Guest, name: &IfName) -> String {
    let from = match guest.own_address() {
        Some(own) => format!(" -I {own}"),
        None => String::new(),
    };
    format!("ping -L -c 2{from} ff02::1%{}", shell::interface(name))
}

/// `shown`, and how many more of `total` there are.
fn listed(shown: &[Neighbour], total: usize, each: impl Fn(&Neighbour) -> String) -> String {
    let list: Vec<_> = shown.iter().map(each).collect();
    let list = list.join(", ");
    match total.saturating_sub(shown.len()) {
        0 => list,
        more => format!("{list} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use autora_core::neighbour::NeighbourState;

    use super::*;

    const ROOM: NeighbourTable = NeighbourTable {
        entries: 12,
        limit: 1024,
        refused: 0,
    };
    const FULL: NeighbourTable = NeighbourTable {
        entries: 1000,
        ..ROOM
    };
    const ASK: &str = "ping -L -c 2 -I 2001:db8:1::1 ff02::1%tap-vm-1";

    fn guest(seen: &[(&str, NeighbourState, u64)]) -> Guest {
        let prefix = Prefix64::of("2001:db8:1::".parse().unwrap());
        let own = ["fe80::1", "2001:db8:1::1"].map(|own| own.parse().unwrap());
        let mut guest = Guest::new(Some(prefix), own.to_vec());
        for &(address, state, seconds) in seen {
            guest.see(Neighbour {
                address: address.parse().unwrap(),
                mac: None,
                state,
                age: Duration::from_secs(seconds),
            });
        }
        guest
    }

    fn words(guest: &Guest, table: NeighbourTable) -> Words {
        Words::of(guest, Some(table), &IfName::new(b"tap-vm-1").unwrap())
    }

    #[test]
    fn a_guest_that_is_there_is_said_to_claim_it() {
        let there = guest(&[
            ("fe80::2", NeighbourState::Stale, 190),
            ("2001:db8:1::2", NeighbourState::Reachable, 4),
            ("2001:db8:9::2", NeighbourState::Stale, 4),
        ]);
        let expected = Words {
            found: "as the guest claims: 2001:db8:1::2 (reachable, 4s ago), fe80::2 (stale, 3m10s ago) \
                    and 1 address outside 2001:db8:1::/64"
                .to_owned(),
            fix: None,
            is_there: true,
        };
        assert_eq!(words(&there, ROOM), expected);
        // Whoever is seen is seen, also in a full table.
        assert_eq!(words(&there, FULL), expected);
    }

    #[test]
    fn each_way_not_to_be_seen_has_its_words() {
        let silent = guest(&[]);
        assert_eq!(
            words(&silent, ROOM).found,
            "no guest address seen in 2001:db8:1::/64: the guest has not spoken to this host since the link \
             came up, or was idle and is forgotten; if it is there, it answers this"
        );
        assert_eq!(words(&silent, ROOM).fix.as_deref(), Some(ASK));
        let full = words(&silent, FULL);
        assert!(full.found.contains("full (1000 of 1024 entries)"), "{full:?}");
        let raised =
            "sysctl -w net.ipv6.neigh.default.gc_thresh2=4096 net.ipv6.neigh.default.gc_thresh3=8192";
        assert_eq!(full.fix.as_deref(), Some(raised));

        let link_local = words(&guest(&[("fe80::2", NeighbourState::Reachable, 1)]), ROOM);
        assert_eq!(
            link_local.found,
            "as the guest claims: fe80::2 (reachable, 1s ago); no guest address seen in 2001:db8:1::/64: \
             the guest has none, or has not used it with this host; it answers this from its address, if it has one"
        );
        assert!(!link_local.is_there && link_local.fix.as_deref() == Some(ASK));

        for (state, begin) in [
            (
                NeighbourState::Failed,
                "this host asked and got no answer from 2001:db8:1::2 (7s ago); no guest address seen",
            ),
            (
                NeighbourState::Permanent,
                "1 entry set on this host by hand; no guest address seen",
            ),
        ] {
            let words = words(&guest(&[("2001:db8:1::2", state, 7)]), ROOM);
            assert!(!words.is_there && words.found.starts_with(begin), "{words:?}");
        }
    }

    /// Without a /64 the link-local address is what there can be.
    #[test]
    fn a_link_without_a_prefix_has_a_guest_too() {
        let mut guest = Guest::new(None, Vec::new());
        let name = IfName::new(b"it's").unwrap();
        let silent = Words::of(&guest, None, &name);
        assert!(
            silent
                .found
                .starts_with("no guest address seen: the guest has not"),
            "{silent:?}"
        );
        assert_eq!(silent.fix.unwrap(), r"ping -L -c 2 ff02::1%'it'\''s'");
        for address in ["fe80::2", "2001:db8::2"] {
            guest.see(Neighbour {
                address: address.parse().unwrap(),
                mac: None,
                state: NeighbourState::Delay,
                age: Duration::ZERO,
            });
        }
        let there = Words::of(&guest, None, &name);
        assert_eq!(
            there.found,
            "as the guest claims: fe80::2 (delay, 0s ago) and 1 address"
        );
        assert!(there.is_there);
    }

    #[test]
    fn what_a_guest_makes_up_stays_short() {
        let seen: Vec<_> = (0..2000)
            .map(|number| format!("2001:db8:1::ffff:ffff:{number:x}"))
            .collect();
        let stale = |address| (address, NeighbourState::Stale, 10_000_000);
        let failed = |address| (address, NeighbourState::Failed, 10_000_000);
        let seen: Vec<_> = seen
            .iter()
            .map(String::as_str)
            .flat_map(|it| [stale(it), failed(it)])
            .collect();
        let words = words(&guest(&seen), ROOM);
        assert!(
            words.found.contains(" and 1992 more") && words.found.contains(" and 1997 more"),
            "{words:?}"
        );
        assert!(words.found.len() < 1000, "{}", words.found.len());
    }
}
