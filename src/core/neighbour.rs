//! What the host's neighbour table has of a guest.
//!
//! All of it is the guest's claim: whoever is on the link can make up addresses, and as many as the
//! table has room for. So only the first few are kept, and the others are counted.

use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::time::Duration;

use crate::prefix::Prefix64;

/// What the kernel knows of a neighbour (RFC 4861, 7.3.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NeighbourState {
    /// It answered within about half a minute.
    Reachable,
    /// It was heard, and the host has used the address since and is about to ask again.
    Delay,
    /// It was heard, and the host is asking again.
    Probe,
    /// It was heard, and the host has not needed the address since.
    Stale,
    /// Set on this host by hand: the guest need not exist.
    Permanent,
    /// The host is asking for the address, and nobody has answered yet.
    Incomplete,
    /// The host asked for the address, and nobody answered.
    Failed,
}

impl NeighbourState {
    /// Reads `ndm_state` (`linux/neighbour.h`); `None` if it is about no neighbour:
    /// an address that needs no discovery, such as a multicast group.
    #[must_use]
    pub fn from_bits(bits: u16) -> Option<Self> {
        match bits {
            0x01 => Some(Self::Incomplete),
            0x02 => Some(Self::Reachable),
            0x04 => Some(Self::Stale),
            0x08 => Some(Self::Delay),
            0x10 => Some(Self::Probe),
            0x20 => Some(Self::Failed),
            0x80 => Some(Self::Permanent),
            _ => None,
        }
    }

    /// A stable name for scripts.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Delay => "delay",
            Self::Probe => "probe",
            Self::Stale => "stale",
            Self::Permanent => "permanent",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// An entry of the neighbour table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// The address that somebody on the link claims, or that the host asked for.
    pub address: Ipv6Addr,
    /// The MAC address that goes with it.
    pub mac: Option<[u8; 6]>,
    /// What the kernel knows of it.
    pub state: NeighbourState,
    /// The time since the kernel had it confirmed, or else changed the entry.
    pub age: Duration,
}

/// What is known of the guest on one link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guest {
    /// The /64 of the link, if it has one.
    pub prefix: Option<Prefix64>,
    /// This host's own addresses on the link, which are no guest's.
    own: Vec<Ipv6Addr>,
    /// How many addresses inside the /64 were heard.
    pub in_prefix: usize,
    /// How many link-local addresses were heard.
    pub link_local: usize,
    /// How many others were heard.
    pub outside: usize,
    /// How many addresses were set on this host by hand.
    pub set_by_hand: usize,
    /// How many addresses the host asked for without an answer.
    pub unanswered: usize,
    heard: Vec<Neighbour>,
    asked: Vec<Neighbour>,
}

impl Guest {
    /// At most this many addresses that were heard are kept.
    pub const MOST_HEARD: usize = 8;
    /// At most this many that nobody answered for. A scan from the Internet makes hundreds.
    pub const MOST_ASKED: usize = 3;

    /// A guest of which nothing was seen yet, behind a link with the /64 `prefix`
    /// on which the host itself has the addresses `own`.
    #[must_use]
    pub fn new(prefix: Option<Prefix64>, own: Vec<Ipv6Addr>) -> Self {
        Self {
            prefix,
            own,
            in_prefix: 0,
            link_local: 0,
            outside: 0,
            set_by_hand: 0,
            unanswered: 0,
            heard: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// Takes an entry of the table into account.
    pub fn see(&mut self, neighbour: Neighbour) {
        if self.own.contains(&neighbour.address) {
            return;
        }
        match neighbour.state {
            NeighbourState::Permanent => self.set_by_hand += 1,
            NeighbourState::Incomplete | NeighbourState::Failed => {
                self.unanswered += 1;
                keep(&mut self.asked, neighbour, Self::MOST_ASKED, |it| it.age);
            }
            NeighbourState::Reachable
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Stale => {
                let is_link_local = neighbour.address.is_unicast_link_local();
                if is_link_local {
                    self.link_local += 1;
                } else if self.prefix == Some(Prefix64::of(neighbour.address)) {
                    self.in_prefix += 1;
                } else {
                    self.outside += 1;
                    return;
                }
                keep(&mut self.heard, neighbour, Self::MOST_HEARD, |it| {
                    (it.address.is_unicast_link_local(), it.state, it.age)
                });
            }
        }
    }

    /// Addresses inside the /64 and link-local ones that were heard, those in the /64
    /// first and of these the surest; at most [`Self::MOST_HEARD`].
    #[must_use]
    pub fn heard(&self) -> &[Neighbour] {
        &self.heard
    }

    /// Addresses that nobody answered for, the latest first; at most [`Self::MOST_ASKED`].
    #[must_use]
    pub fn asked(&self) -> &[Neighbour] {
        &self.asked
    }

    /// This host's own address inside the /64.
    #[must_use]
    pub fn own_address(&self) -> Option<Ipv6Addr> {
        let inside = |address: &&Ipv6Addr| Some(Prefix64::of(**address)) == self.prefix;
        self.own.iter().find(inside).copied()
    }
}

/// Adds `neighbour` to the `most` that come first by `key`; equal ones in the order of their addresses,
/// so that two readings show the same.
fn keep<K: Ord>(kept: &mut Vec<Neighbour>, neighbour: Neighbour, most: usize, key: impl Fn(&Neighbour) -> K) {
    let order = |it: &Neighbour| (key(it), it.address);
    let at = kept.partition_point(|it| order(it) < order(&neighbour));
    if at < most {
        kept.truncate(most - 1);
        kept.insert(at, neighbour);
    }
}

/// The size of the kernel's IPv6 neighbour table, which all links of all network namespaces share.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NeighbourTable {
    /// How many entries it has.
    pub entries: u32,
    /// How many it has at most (`gc_thresh3`).
    pub limit: u32,
    /// How many it refused since boot.
    pub refused: u64,
}

impl NeighbourTable {
    /// Whether new neighbours may be refused. The kernel makes room by removing entries, but neither those
    /// in use nor those changed less than 5 s ago.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.entries) * 10 >= u64::from(self.limit) * 9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(address: &str, state: NeighbourState, age: u64) -> Neighbour {
        Neighbour {
            address: address.parse().unwrap(),
            mac: None,
            state,
            age: Duration::from_secs(age),
        }
    }

    fn guest() -> Guest {
        let prefix = Prefix64::of("2001:db8:1::".parse().unwrap());
        let own = ["fe80::1", "2001:db8:1::1"].map(|own| own.parse().unwrap());
        Guest::new(Some(prefix), own.to_vec())
    }

    #[test]
    fn only_what_was_heard_in_the_prefix_counts_as_inside() {
        use NeighbourState::{Failed, Incomplete, Permanent, Probe, Reachable, Stale};
        let mut guest = guest();
        for (address, state) in [
            ("fe80::2", Stale),
            ("2001:db8:1::2", Probe),
            ("2001:db8:1::3", Reachable),
            ("2001:db8:2::2", Stale),
            ("2001:db8:1::4", Permanent),
            ("2001:db8:1::5", Failed),
            ("2001:db8:1::6", Incomplete),
            // Somebody claims to be this host.
            ("2001:db8:1::1", Reachable),
            ("fe80::1", Reachable),
        ] {
            guest.see(neighbour(address, state, 1));
        }
        assert_eq!((guest.in_prefix, guest.link_local, guest.outside), (2, 1, 1));
        assert_eq!((guest.set_by_hand, guest.unanswered), (1, 2));
        let shown = |list: &[Neighbour]| -> Vec<_> { list.iter().map(|it| it.address.to_string()).collect() };
        assert_eq!(
            shown(guest.heard()),
            ["2001:db8:1::3", "2001:db8:1::2", "fe80::2"]
        );
        assert_eq!(shown(guest.asked()), ["2001:db8:1::5", "2001:db8:1::6"]);
        assert_eq!(guest.own_address(), Some("2001:db8:1::1".parse().unwrap()));
    }

    /// Whatever a guest makes up, in whatever order.
    #[test]
    fn of_thousands_only_the_first_are_kept() {
        let real = neighbour("2001:db8:1::ffff", NeighbourState::Reachable, 4);
        let made_up = |number: u64, state| {
            let address = format!("2001:db8:1::{:x}", 0x10 + number * 7 % 2003);
            neighbour(&address, state, 1000 - number % 1000)
        };
        for at in [0, 1000, 1999] {
            let mut guest = guest();
            for number in 0..2000 {
                if number == at {
                    guest.see(real);
                }
                guest.see(made_up(number, NeighbourState::Stale));
                guest.see(made_up(number, NeighbourState::Failed));
            }
            assert_eq!((guest.in_prefix, guest.unanswered), (2001, 2000));
            assert_eq!(guest.heard().len(), Guest::MOST_HEARD);
            assert_eq!(guest.heard()[0], real);
            assert_eq!(guest.heard()[1].age, Duration::from_secs(1));
            assert_eq!(guest.asked().len(), Guest::MOST_ASKED);
        }
    }

    #[test]
    fn states_that_are_no_neighbours_are_none() {
        // NUD_NONE, NUD_NOARP, and what no kernel sends.
        for bits in [0, 0x40, 0x06, 0x100, u16::MAX] {
            assert_eq!(NeighbourState::from_bits(bits), None, "{bits}");
        }
        let all = (0..16).filter_map(|bit| NeighbourState::from_bits(1 << bit));
        let mut keys: Vec<_> = all.map(NeighbourState::key).collect();
        keys.dedup();
        assert_eq!(keys.len(), 7);
    }

    #[test]
    fn a_table_is_full_from_nine_tenths_on() {
        let is_full = |entries, limit| {
            let table = NeighbourTable {
                entries,
                limit,
                refused: 0,
            };
            table.is_full()
        };
        assert!(!is_full(921, 1024) && is_full(922, 1024) && is_full(1024, 1024));
        assert!(is_full(u32::MAX, u32::MAX) && !is_full(0, u32::MAX));
    }
}
