//! A guest as the RFCs describe a host: what it makes of each frame on its link,
//! which addresses and default routers it has, and until when.
//!
//! It judges what autora sends, so it shares nothing with it: bytes are read here
//! a second time. Time is an argument, in nanoseconds of a clock that does not go
//! back. Not modelled: duplicate address detection (an address is usable at once),
//! Neighbor Unreachability Detection, temporary addresses, redirects and DHCPv6.

mod decode;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::Ipv6Addr;

pub use decode::{Heard, Invalid, Link, Preference, Prefix};

/// The time that never comes: the end of an infinite lifetime.
pub const FOREVER: u64 = u64::MAX;
const SECOND: u64 = 1_000_000_000;
/// RFC 4862 section 5.5.3 e: less than this is believed only with reservations.
const TWO_HOURS: u64 = 2 * 60 * 60 * SECOND;
/// RFC 4861 section 4.6.2: all ones is infinity.
const INFINITE: u32 = u32::MAX;

/// A host with one interface.
#[derive(Clone, Debug)]
pub struct Guest {
    link: Link,
    now: u64,
    /// The default router list (RFC 4861 section 5.1).
    routers: BTreeMap<Ipv6Addr, Known>,
    /// One address for each prefix of 64 bits (RFC 4862 section 5.5).
    addresses: BTreeMap<Ipv6Addr, Lifetimes>,
    /// The prefix list (RFC 4861 section 5.1): on-link until when.
    on_link: BTreeMap<(Ipv6Addr, u8), u64>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    until: u64,
    preference: Preference,
}

#[derive(Clone, Copy, Debug)]
struct Lifetimes {
    preferred_until: u64,
    valid_until: u64,
}

/// An entry of the default router list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Router {
    pub address: Ipv6Addr,
    pub preference: Preference,
    pub until: u64,
    /// Nanoseconds, never zero.
    pub remaining: u64,
}

/// An address that is valid: one that packets still reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The /64 it was formed from.
    pub prefix: Ipv6Addr,
    pub address: Ipv6Addr,
    pub state: State,
    pub valid_until: u64,
}

/// RFC 4862 section 5.5.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// For any use, until it is deprecated.
    Preferred { until: u64 },
    /// Only for connections that have it already, until it is invalid.
    Deprecated { until: u64 },
}

/// A prefix whose addresses are reached without a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnLink {
    pub prefix: Ipv6Addr,
    pub length: u8,
    pub until: u64,
}

impl Guest {
    /// A host that has just come up on `link` and has heard nothing.
    pub const fn new(link: Link) -> Self {
        Self {
            link,
            now: 0,
            routers: BTreeMap::new(),
            addresses: BTreeMap::new(),
            on_link: BTreeMap::new(),
        }
    }

    /// RFC 4862 section 5.3.
    pub fn link_local(&self) -> Ipv6Addr {
        self.in_prefix(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0))
    }

    /// The host gets a frame, whole, as it was sent.
    ///
    /// # Errors
    /// It is no advertisement that a host accepts, and changes nothing.
    pub fn hear(&mut self, now: u64, frame: &[u8]) -> Result<Heard, Invalid> {
        self.advance(now);
        let mut own = vec![self.link_local()];
        own.extend(self.addresses.keys().map(|&prefix| self.in_prefix(prefix)));
        let heard = decode::decode(self.link, &own, frame)?;
        self.learn_router(&heard);
        for prefix in &heard.prefixes {
            self.learn_on_link(prefix);
            self.configure(prefix);
        }
        Ok(heard)
    }

    /// Time passes: what ends at `now` or before is gone. A time in the past is
    /// taken for the present.
    pub fn advance(&mut self, now: u64) {
        let now = self.now.max(now);
        self.now = now;
        self.routers.retain(|_, router| router.until > now);
        self.addresses.retain(|_, address| address.valid_until > now);
        self.on_link.retain(|_, &mut until| until > now);
    }

    /// The default routers, the most preferred first.
    pub fn default_routers(&self, now: u64) -> Vec<Router> {
        let alive = self.routers.iter().filter(|(_, known)| known.until > now);
        let mut routers: Vec<_> = alive
            .map(|(&address, &Known { until, preference })| Router {
                address,
                preference,
                until,
                remaining: until - now,
            })
            .collect();
        routers.sort_by_key(|router| std::cmp::Reverse(router.preference));
        routers
    }

    /// Whether packets for elsewhere have a way to leave (RFC 4861 section 5.2).
    pub fn has_default_route(&self, now: u64) -> bool {
        self.routers.values().any(|router| router.until > now)
    }

    /// The autoconfigured addresses that are valid, by prefix.
    pub fn addresses(&self, now: u64) -> Vec<Address> {
        let valid = self
            .addresses
            .iter()
            .filter(|(_, lifetimes)| lifetimes.valid_until > now);
        valid
            .map(
                |(
                    &prefix,
                    &Lifetimes {
                        preferred_until,
                        valid_until,
                    },
                )| Address {
                    prefix,
                    address: self.in_prefix(prefix),
                    state: if preferred_until > now {
                        State::Preferred {
                            until: preferred_until,
                        }
                    } else {
                        State::Deprecated { until: valid_until }
                    },
                    valid_until,
                },
            )
            .collect()
    }

    /// The prefixes that a new connection can start from.
    pub fn preferred_prefixes(&self, now: u64) -> Vec<Ipv6Addr> {
        let addresses = self.addresses(now).into_iter();
        let preferred = addresses.filter(|address| matches!(address.state, State::Preferred { .. }));
        preferred.map(|address| address.prefix).collect()
    }

    /// The prefixes that were advertised as on-link.
    pub fn on_link_prefixes(&self, now: u64) -> Vec<OnLink> {
        let alive = self.on_link.iter().filter(|&(_, &until)| until > now);
        alive
            .map(|(&(prefix, length), &until)| OnLink {
                prefix,
                length,
                until,
            })
            .collect()
    }

    /// The next time at which something expires if nothing more is heard.
    pub fn next_change(&self, now: u64) -> Option<u64> {
        let routers = self.routers.values().map(|router| router.until);
        let addresses = self
            .addresses
            .values()
            .flat_map(|a| [a.preferred_until, a.valid_until]);
        let ends = routers.chain(addresses).chain(self.on_link.values().copied());
        ends.filter(|&end| end > now && end != FOREVER).min()
    }

    /// RFC 4861 section 6.3.4: an entry is made or renewed by every advertisement
    /// with a router lifetime, and timed out at once by one without.
    fn learn_router(&mut self, heard: &Heard) {
        if heard.router_lifetime == 0 {
            self.routers.remove(&heard.router);
            return;
        }
        let until = end(self.now, heard.router_lifetime.into());
        self.routers.insert(
            heard.router,
            Known {
                until,
                preference: heard.preference,
            },
        );
    }

    /// RFC 4861 section 6.3.4: the on-link flag makes or renews an entry of the
    /// prefix list; its absence says nothing. A valid lifetime of 0 ends it at once.
    fn learn_on_link(&mut self, prefix: &Prefix) {
        if !prefix.on_link || is_ignored(prefix) {
            return;
        }
        let key = (prefix.network(), prefix.length);
        if prefix.valid == 0 {
            self.on_link.remove(&key);
        } else {
            self.on_link.insert(key, end(self.now, prefix.valid));
        }
    }

    /// RFC 4862 section 5.5.3, step by step.
    fn configure(&mut self, prefix: &Prefix) {
        let a = !prefix.autonomous;
        let b = is_ignored(prefix);
        let c = prefix.preferred > prefix.valid;
        // d: prefix and interface identifier have to be 128 bits together. An
        // address of another length is never in the list, so this goes for e too.
        if a || b || c || prefix.length != 64 {
            return;
        }
        let preferred_until = end(self.now, prefix.preferred);
        let valid_until = end(self.now, prefix.valid);
        match self.addresses.entry(prefix.network()) {
            Entry::Vacant(entry) => {
                if prefix.valid != 0 {
                    entry.insert(Lifetimes {
                        preferred_until,
                        valid_until,
                    });
                }
            }
            Entry::Occupied(mut entry) => {
                let address = entry.get_mut();
                address.preferred_until = preferred_until;
                address.valid_until = renewed(self.now, address.valid_until, valid_until);
            }
        }
    }

    fn in_prefix(&self, prefix: Ipv6Addr) -> Ipv6Addr {
        Ipv6Addr::from_bits(prefix.to_bits() | u128::from(self.link.interface_id()))
    }
}

/// The two-hour rule, RFC 4862 section 5.5.3 e, with points in time for lifetimes:
/// until when an address is valid that was so until `stored`, and for which an
/// advertisement that nobody authenticated now says `received`.
const fn renewed(now: u64, stored: u64, received: u64) -> u64 {
    let in_two_hours = now.saturating_add(TWO_HOURS);
    if received > in_two_hours || received > stored {
        received
    } else if stored <= in_two_hours {
        stored
    } else {
        in_two_hours
    }
}

/// RFC 4861 section 6.3.4 and RFC 4862 section 5.5.3 b: the link-local prefix is
/// not learned. Nor is a multicast prefix, which makes no address of a host (RFC
/// 4291 section 2.7).
const fn is_ignored(prefix: &Prefix) -> bool {
    prefix.prefix.is_unicast_link_local() || prefix.prefix.is_multicast()
}

/// When a lifetime of `seconds` that starts `now` is over.
const fn end(now: u64, seconds: u32) -> u64 {
    if seconds == INFINITE {
        FOREVER
    } else {
        now.saturating_add(seconds as u64 * SECOND)
    }
}
