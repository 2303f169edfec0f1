//! What decides, as it truly is.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use autora_core::interface_name::IfName;
use autora_core::lifetime::Lifetime;
use autora_core::link::{
    Address, Hardware, IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_PERMANENT, IFA_F_TENTATIVE,
    IFAPROT_KERNEL_RA, IFF_MULTICAST, IFF_RUNNING, IFF_UP, Ipv6Settings, Link, LinkRoute,
};

use super::{SECOND, name, prefix};

/// The number of a prefix that another router advertises.
const LEARNED: u16 = 99;

/// An address of the interface.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub flags: u32,
    pub valid_until: Option<u64>,
    pub preferred_until: Option<u64>,
}

/// What makes the interface one that is never served, by its kind or as an uplink.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    DefaultRoute,
    RouteFromRa,
    AddressFromRa,
    Port,
    NoMulticast,
}

impl Obstacle {
    /// Whether its end may go by without an event.
    pub fn may_end_unnoticed(self) -> bool {
        matches!(self, Self::DefaultRoute | Self::RouteFromRa)
    }
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "so many things are or are not")]
pub struct Truth {
    pub exists: bool,
    /// In the namespace of the daemon.
    pub here: bool,
    pub has_our_name: bool,
    pub ifindex: u32,
    /// Grows with each new link.
    pub link_id: u64,
    /// The present link has the index of the one before.
    pub index_recurred: bool,
    pub up: bool,
    pub carrier: bool,
    pub carrier_ups: u32,
    /// The kernel runs IPv6 on it.
    pub ipv6: bool,
    /// How often it began to: each time, it counts from zero.
    pub ipv6_starts: u32,
    pub disable_ipv6: i32,
    pub forwarding: i32,
    pub accept_ra: i32,
    pub obstacle: Option<Obstacle>,
    pub foreign: u64,
    /// By the end of the address: its flags, and when it was added.
    pub link_locals: BTreeMap<u16, (u32, u32)>,
    /// One in each prefix, by its number.
    pub addresses: BTreeMap<u16, Own>,
}

impl Own {
    pub const FOR_EVER: Self = Self {
        flags: IFA_F_PERMANENT,
        valid_until: None,
        preferred_until: None,
    };

    pub fn for_span(now: u64, valid: u64, preferred: u64) -> Self {
        Self {
            flags: 0,
            valid_until: Some(now + valid),
            preferred_until: Some(now + preferred),
        }
    }

    pub fn is_preferred(&self, now: u64) -> bool {
        self.is_valid()
            && self.flags & IFA_F_DEPRECATED == 0
            && self.preferred_until.is_none_or(|end| end > now)
    }

    /// Deprecated or preferred.
    pub fn is_valid(&self) -> bool {
        is_valid(self.flags)
    }

    /// Whether its lifetimes go on for longer than a `span`.
    pub fn lasts(&self, now: u64, span: u64) -> bool {
        let ends = [self.valid_until, self.preferred_until];
        ends.into_iter().flatten().all(|end| end > now + span)
    }
}

impl Truth {
    /// A new link that is fit in every respect.
    pub fn new() -> Self {
        Self {
            exists: true,
            here: true,
            has_our_name: true,
            ifindex: 7,
            link_id: 1,
            index_recurred: false,
            up: true,
            carrier: true,
            carrier_ups: 1,
            ipv6: true,
            ipv6_starts: 1,
            disable_ipv6: 0,
            forwarding: 1,
            accept_ra: 0,
            obstacle: None,
            foreign: 0,
            link_locals: BTreeMap::from([(1, (IFA_F_PERMANENT, 1))]),
            addresses: BTreeMap::from([(1, Own::FOR_EVER)]),
        }
    }

    /// Another link in the place of this one.
    pub fn replace(&mut self, index_recurs: bool) {
        *self = Self {
            link_id: self.link_id + 1,
            ifindex: self.ifindex + u32::from(!index_recurs),
            index_recurred: index_recurs,
            ..Self::new()
        };
    }

    /// Makes everything fit. True if that took a new link.
    pub fn make_fit(&mut self, now: u64) -> bool {
        let is_new = !self.exists || !self.here;
        if is_new {
            self.replace(true);
        }
        let had_carrier = self.has_carrier();
        let before = self.clone();
        *self = Self {
            ifindex: before.ifindex,
            link_id: before.link_id,
            index_recurred: before.index_recurred,
            carrier_ups: before.carrier_ups + u32::from(!had_carrier),
            foreign: before.foreign,
            ipv6_starts: before.ipv6_starts + u32::from(!before.ipv6),
            link_locals: before.link_locals,
            ..Self::new()
        };
        self.put_link_local(now, 1, 0);
        let kept = before
            .addresses
            .into_iter()
            .filter(|(_, own)| own.is_valid() && !own.is_preferred(now));
        self.addresses.extend(kept.filter(|&(number, _)| number != 1));
        is_new
    }

    pub fn is_ours(&self) -> bool {
        self.exists && self.here && self.has_our_name
    }

    pub fn has_carrier(&self) -> bool {
        self.up && self.carrier
    }

    pub fn can_have_addresses(&self) -> bool {
        self.exists && self.here && self.up && self.ipv6 && self.disable_ipv6 == 0
    }

    /// When lifetimes end.
    pub fn ends(&self) -> impl Iterator<Item = u64> + '_ {
        let own = self.addresses.values();
        own.flat_map(|own| [own.valid_until, own.preferred_until])
            .flatten()
    }

    /// Takes away what has ended; true if that is an event.
    pub fn expire(&mut self, now: u64) -> bool {
        let had = self.addresses.len();
        self.addresses
            .retain(|_, own| own.valid_until.is_none_or(|end| end > now));
        let mut deprecated = false;
        for own in self.addresses.values_mut() {
            if own.preferred_until.is_some_and(|end| end <= now) && own.flags & IFA_F_DEPRECATED == 0 {
                own.flags |= IFA_F_DEPRECATED;
                deprecated = true;
            }
        }
        deprecated || had != self.addresses.len()
    }

    /// The kernel takes all addresses away, as when the interface goes down.
    pub fn lose_addresses(&mut self) {
        self.addresses.clear();
        self.link_locals.clear();
    }

    /// What the kernel and the operator add when IPv6 begins to run on it.
    pub fn gain_addresses(&mut self, now: u64, number: u16) {
        self.put_link_local(now, 1, 0);
        self.addresses.insert(number, Own::FOR_EVER);
    }

    /// The addresses that are preferred, each with the number of its prefix.
    pub fn preferred(&self, now: u64) -> impl Iterator<Item = (u16, &Own)> + '_ {
        let own = self.addresses.iter().map(|(&number, own)| (number, own));
        own.filter(move |(_, own)| own.is_preferred(now))
    }

    /// Whether this is a valid link-local address of the interface.
    pub fn has_link_local(&self, address: Ipv6Addr) -> bool {
        let mut own = self.link_locals.iter();
        own.any(|(&number, &(flags, _))| link_local(number) == address && is_valid(flags))
    }

    /// Adds a link-local address, or changes its flags.
    pub fn put_link_local(&mut self, now: u64, number: u16, flags: u32) {
        let created = u32::try_from(now / (SECOND / 100)).unwrap_or(u32::MAX);
        self.link_locals.entry(number).or_insert((0, created)).0 = IFA_F_PERMANENT | flags;
    }

    pub fn link(&self, now: u64) -> Link {
        let is = |obstacle| self.obstacle == Some(obstacle);
        let mut flags = if is(Obstacle::NoMulticast) {
            0
        } else {
            IFF_MULTICAST
        };
        if self.up {
            flags |= IFF_UP;
        }
        if self.has_carrier() {
            flags |= IFF_RUNNING;
        }
        // The kernel rounds up.
        let left = |end: Option<u64>| {
            end.map_or(Lifetime::INFINITE, |end| {
                let seconds = end.saturating_sub(now).div_ceil(SECOND);
                Lifetime::from_bits(u32::try_from(seconds).unwrap_or(u32::MAX - 1))
            })
        };
        let address = |local, created, own: &Own| Address {
            local,
            prefix_address: local,
            prefix_len: 64,
            flags: own.flags,
            valid: left(own.valid_until),
            preferred: left(own.preferred_until),
            created,
            protocol: 0,
            is_routed: true,
        };
        let learned = is(Obstacle::AddressFromRa).then(|| Address {
            protocol: IFAPROT_KERNEL_RA,
            ..address(prefix(LEARNED), 100, &Own::FOR_EVER)
        });
        let link_locals = self.link_locals.iter().map(|(&number, &(flags, created))| {
            let own = Own {
                flags,
                ..Own::FOR_EVER
            };
            address(link_local(number), created, &own)
        });
        let addresses = self.addresses.iter().map(|(&number, own)| {
            let [a, b, c, d, ..] = prefix(number).segments();
            address(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 1), 100, own)
        });
        Link {
            ifindex: self.ifindex,
            name: if self.has_our_name {
                name()
            } else {
                IfName::new(b"other").unwrap()
            },
            flags,
            hardware: Hardware::Bare,
            port_of: is(Obstacle::Port).then_some(3),
            carrier_ups: self.carrier_ups,
            ipv6: self.ipv6.then_some(Ipv6Settings {
                forwarding: self.forwarding,
                accept_ra: self.accept_ra,
                disable_ipv6: self.disable_ipv6,
            }),
            addresses: link_locals.chain(addresses).chain(learned).collect(),
            host_forwards: true,
            uplink_route: match self.obstacle {
                Some(Obstacle::DefaultRoute) => Some(LinkRoute {
                    prefix: Ipv6Addr::UNSPECIFIED,
                    prefix_len: 0,
                    table: 254,
                    is_from_ra: false,
                }),
                Some(Obstacle::RouteFromRa) => Some(LinkRoute {
                    prefix: prefix(LEARNED),
                    prefix_len: 64,
                    table: 254,
                    is_from_ra: true,
                }),
                _ => None,
            },
            // There are no counters without IPv6.
            foreign_ras: if self.ipv6 { self.foreign } else { 0 },
        }
    }
}

/// Neither tentative nor a duplicate.
pub fn is_valid(flags: u32) -> bool {
    flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED) == 0
}

pub fn link_local(number: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number)
}
