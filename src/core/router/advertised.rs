//! What hosts on the link hold because of the advertisements that were sent.

use core::net::Ipv6Addr;
use core::time::Duration;

use crate::eligibility::AdvertisingBasis;
use crate::lifetime::Lifetime;
use crate::prefix::Prefix64;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};

/// Hosts keep a prefix that is gone for at most this long: RFC 4862, 5.5.3 e)
/// lets no unauthenticated advertisement shorten a valid lifetime further.
pub(super) const MAX_STALE_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// How many prefixes are remembered. Beyond that the retired one that ends
/// first is forgotten.
pub const MAX_PREFIXES: usize = 8;
/// Remaining lifetimes are rounded to seconds twice: by the kernel and by us.
const ROUNDING: Duration = Duration::from_secs(2);

/// What a host that received every advertisement still holds.
///
/// It does not allocate, and is handed over to the next process.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct AdvertisedState {
    /// Until when it is the hosts' default router; `None`: it is not.
    pub router_until: Option<Instant>,
    /// The prefixes, in no order.
    pub prefixes: [Option<AdvertisedPrefix>; MAX_PREFIXES],
    /// The address that the last advertisement was sent from: hosts know the
    /// router by it (RFC 4861, 6.2.8).
    pub source: Option<Ipv6Addr>,
    /// The prefix of the last advertisement, which may have ended since.
    pub last: Option<Prefix64>,
}

/// A prefix from which hosts have an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdvertisedPrefix {
    /// The /64.
    pub prefix: Prefix64,
    /// When the addresses become invalid; `None`: never.
    pub valid_until: Option<Instant>,
    /// When they become deprecated; `None`: never.
    pub preferred_until: Option<Instant>,
    state: State,
    /// Whether it was advertised in its present `state`.
    announced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It is on the interface, not deprecated, or not yet decided.
    Current,
    /// It is on the interface, deprecated (RFC 4192, 2.6).
    Deprecated,
    /// It was removed from the interface.
    Gone,
}

/// A prefix that is advertised beside the current one, because it is retired.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Retired {
    pub(super) information: PrefixInformation,
    /// It was advertised from here, and not yet announced as retired.
    pub(super) is_news: bool,
}

impl AdvertisedPrefix {
    /// A prefix that hosts hold until these times; `None`: never ends.
    #[must_use]
    pub fn new(prefix: Prefix64, valid_until: Option<Instant>, preferred_until: Option<Instant>) -> Self {
        Self {
            prefix,
            valid_until,
            preferred_until,
            state: State::Current,
            announced: true,
        }
    }

    fn valid(&self, now: Instant) -> Lifetime {
        Lifetime::between(now, self.valid_until)
    }
}

impl AdvertisedState {
    /// Whether hosts use it as a default router at `now`.
    #[must_use]
    pub fn is_router(&self, now: Instant) -> bool {
        self.router_until.is_some_and(|until| until > now)
    }

    /// For how many seconds hosts still use it as a default router, rounded down.
    pub(super) fn router_lifetime(&self, now: Instant) -> u16 {
        let left = self
            .router_until
            .map_or(Duration::ZERO, |until| until.saturating_since(now));
        u16::try_from(left.as_secs()).unwrap_or(u16::MAX)
    }

    /// Records an advertisement that was sent at `now`.
    pub(super) fn record(&mut self, now: Instant, ra: &RouterAdvertisement) {
        let lifetime = Duration::from_secs(ra.router_lifetime.into());
        self.router_until = (ra.router_lifetime > 0).then(|| now + lifetime);
        self.source = Some(ra.source);
        self.last = Some(ra.prefix.prefix);
        self.put(AdvertisedPrefix {
            state: match self.get(ra.prefix.prefix) {
                Some(known) => known.state,
                None if ra.prefix.preferred == Lifetime::ZERO => State::Deprecated,
                None => State::Current,
            },
            ..AdvertisedPrefix::new(
                ra.prefix.prefix,
                ra.prefix.valid.end(now),
                ra.prefix.preferred.end(now),
            )
        });
    }

    /// What hosts hold if `ra` is sent at `now`, or is not: a process that is
    /// killed at the send leaves this to the next one.
    #[must_use]
    pub(super) fn with_possible(mut self, now: Instant, ra: &RouterAdvertisement) -> Self {
        let before = self;
        self.record(now, ra);
        self.router_until = self.router_until.max(before.router_until);
        if let Some(known) = before.get(ra.prefix.prefix) {
            let later = |a: Option<Instant>, b: Option<Instant>| Some(a?.max(b?));
            if let Some(entry) = self.get_mut(ra.prefix.prefix) {
                entry.valid_until = later(entry.valid_until, known.valid_until);
                entry.preferred_until = later(entry.preferred_until, known.preferred_until);
                entry.announced = known.announced;
            }
        }
        self
    }

    /// Compares with what is on the interface now. True if a prefix left its
    /// former state, so that hosts have something new to learn.
    pub(super) fn compare(&mut self, now: Instant, basis: &AdvertisingBasis) -> bool {
        let mut changed = false;
        for slot in &mut self.prefixes {
            let Some(known) = slot else {
                continue;
            };
            if known.valid_until.is_some_and(|end| end <= now) {
                *slot = None;
                continue;
            }
            let state = if basis.preferred.is_some_and(|p| p.prefix == known.prefix) {
                State::Current
            } else if basis.deprecated.iter().any(|d| d.prefix == known.prefix) {
                State::Deprecated
            } else if basis.is_pending(known.prefix) {
                // Undecided: Duplicate Address Detection runs again. It is on the
                // interface, so a retirement that is owed is none any more.
                known.state = State::Current;
                continue;
            } else {
                State::Gone
            };
            if state == known.state {
                continue;
            }
            known.state = state;
            known.announced = false;
            changed = true;
            if state == State::Gone {
                let most = now + MAX_STALE_LIFETIME;
                known.valid_until = Some(known.valid_until.map_or(most, |end| end.min(most)));
            }
        }
        changed
    }

    /// Whether hosts prefer a prefix of which the interface has no address that
    /// is preferred, or may become so again.
    pub(super) fn is_preferred_in_vain(&self, now: Instant, basis: &AdvertisingBasis) -> bool {
        let lives = |end: Option<Instant>| end.is_none_or(|end| end > now);
        basis.preferred.is_none_or(|own| own.preferred == Lifetime::ZERO)
            && self
                .all()
                .filter(|known| lives(known.valid_until) && lives(known.preferred_until))
                .any(|known| !basis.is_pending(known.prefix))
    }

    /// The prefixes that are gone from the interface, as they are to be
    /// advertised: not preferred (RFC 9096, 3.5), valid for what remains.
    pub(super) fn gone(&self, now: Instant) -> impl Iterator<Item = PrefixInformation> + '_ {
        self.all()
            .filter(|p| p.state == State::Gone)
            .map(move |p| PrefixInformation {
                prefix: p.prefix,
                valid: p.valid(now),
                preferred: Lifetime::ZERO,
            })
            .filter(|p| p.valid > Lifetime::ZERO)
    }

    /// Whether `prefix` was advertised from here, but not in its present state.
    pub(super) fn is_unannounced(&self, prefix: Prefix64) -> bool {
        self.get(prefix)
            .is_some_and(|p| p.state != State::Current && !p.announced)
    }

    /// Whether `prefix` was advertised from here.
    pub(super) fn knows(&self, prefix: Prefix64) -> bool {
        self.get(prefix).is_some()
    }

    /// What hosts hold of the prefix that was advertised as the current one.
    pub(super) fn latest(&self, now: Instant) -> Option<PrefixInformation> {
        self.all()
            .filter(|p| p.state == State::Current)
            .max_by_key(|p| (p.preferred_until.is_none(), p.preferred_until))
            .map(|p| PrefixInformation {
                prefix: p.prefix,
                valid: p.valid(now),
                preferred: Lifetime::between(now, p.preferred_until),
            })
    }

    /// The prefix of the last advertisement, without any lifetime.
    pub(super) fn ended(&self) -> Option<PrefixInformation> {
        self.last.map(|prefix| PrefixInformation {
            prefix,
            valid: Lifetime::ZERO,
            preferred: Lifetime::ZERO,
        })
    }

    /// Whether hosts hold longer lifetimes than those of `offered`.
    pub(super) fn exceeds(&self, now: Instant, offered: &PrefixInformation) -> bool {
        self.get(offered.prefix).is_some_and(|known| {
            is_later(known.valid_until, offered.valid.end(now))
                || is_later(known.preferred_until, offered.preferred.end(now))
        })
    }

    /// When the valid and the preferred lifetime end that hosts hold of the
    /// `offered` prefix, each with whether `offered` ends later. A lifetime that
    /// never ends is left out.
    pub(super) fn ends(
        &self,
        now: Instant,
        offered: &PrefixInformation,
    ) -> Option<[Option<(Instant, bool)>; 2]> {
        let known = self.get(offered.prefix)?;
        let compare = |held: Option<Instant>, offered: Lifetime| {
            let is_longer = offered > Lifetime::ZERO && is_later(offered.end(now), held);
            held.map(|end| (end, is_longer))
        };
        Some([
            compare(known.valid_until, offered.valid),
            compare(known.preferred_until, offered.preferred),
        ])
    }

    /// Every prefix that is remembered.
    pub fn all(&self) -> impl Iterator<Item = &AdvertisedPrefix> {
        self.prefixes.iter().flatten()
    }

    fn get(&self, prefix: Prefix64) -> Option<&AdvertisedPrefix> {
        self.all().find(|p| p.prefix == prefix)
    }

    fn get_mut(&mut self, prefix: Prefix64) -> Option<&mut AdvertisedPrefix> {
        self.prefixes.iter_mut().flatten().find(|p| p.prefix == prefix)
    }

    /// Adds `entry`, or replaces the one of the same prefix.
    pub fn put(&mut self, entry: AdvertisedPrefix) {
        if let Some(known) = self.get_mut(entry.prefix) {
            *known = entry;
            return;
        }
        let free = self.prefixes.iter_mut().find(|slot| slot.is_none());
        let slot = match free {
            Some(slot) => Some(slot),
            // Infinity ends last; current ones stay if any other can go.
            None => self.prefixes.iter_mut().min_by_key(|slot| {
                slot.map(|p| (p.state == State::Current, p.valid_until.is_none(), p.valid_until))
            }),
        };
        if let Some(slot) = slot {
            *slot = Some(entry);
        }
    }
}

/// Whether `a` is later than `b` by more than rounding explains; `None` is never.
fn is_later(a: Option<Instant>, b: Option<Instant>) -> bool {
    match (a, b) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(a), Some(b)) => a > b + ROUNDING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::tests::{basis, on_link, prefix, secs};

    const NOW: Duration = Duration::from_secs(1000);

    fn ra(router_lifetime: u16, number: u16, valid: u32, preferred: u32) -> RouterAdvertisement {
        RouterAdvertisement {
            source: "fe80::1".parse().unwrap(),
            router_lifetime,
            prefix: on_link(number, valid, preferred),
        }
    }

    #[test]
    fn what_may_not_have_left_takes_nothing_back() {
        let now = Instant::from_boot(NOW);
        let mut held = AdvertisedState::default();
        held.record(now, &ra(180, 1, 100, 50));
        let possible = held.with_possible(now, &ra(0, 1, 40, 0));
        // A host that missed it still has the route and the prefix.
        assert_eq!(possible.router_until, Some(now + secs(180)));
        let known = possible.get(prefix(1)).unwrap();
        assert_eq!(known.valid_until, Some(now + secs(100)));
        assert_eq!(known.preferred_until, Some(now + secs(50)));
        // A host that heard it has more than before.
        let longer = held.with_possible(now, &ra(360, 2, 100, 50));
        assert_eq!(longer.router_until, Some(now + secs(360)));
        assert!(longer.knows(prefix(1)) && longer.knows(prefix(2)) && !held.knows(prefix(2)));
    }

    #[test]
    fn a_prefix_first_advertised_as_deprecated_is_never_the_latest() {
        let now = Instant::from_boot(NOW);
        let mut held = AdvertisedState::default();
        held.record(now, &ra(180, 1, 100, 0));
        assert_eq!(held.latest(now), None);
        held.record(now, &ra(180, 2, 100, 50));
        assert_eq!(held.latest(now).map(|p| p.prefix), Some(prefix(2)));
    }

    #[test]
    fn who_is_no_default_router_is_none_until_no_time() {
        let now = Instant::from_boot(NOW);
        let mut held = AdvertisedState::default();
        held.record(now, &ra(180, 1, 100, 50));
        held.record(now, &ra(0, 1, 100, 50));
        assert_eq!(held.router_until, None);
    }

    #[test]
    fn a_current_prefix_is_forgotten_after_all_that_are_gone() {
        let now = Instant::from_boot(NOW);
        let mut held = AdvertisedState::default();
        for number in 1..=8 {
            held.record(now, &ra(180, number, 1000 * u32::from(number), 50));
        }
        let preferred = Some(on_link(1, 1000, 50));
        assert!(held.compare(now, &AdvertisingBasis { preferred, ..basis() }));
        held.record(now, &ra(180, 9, 100, 50));
        assert!(held.knows(prefix(1)) && held.knows(prefix(9)) && !held.knows(prefix(2)));
    }

    #[test]
    fn a_prefix_that_is_gone_is_no_longer_advertised_in_its_last_second() {
        let now = Instant::from_boot(NOW);
        let mut held = AdvertisedState::default();
        held.record(now, &ra(180, 1, 100, 50));
        assert!(held.compare(now, &basis()));
        assert_eq!(held.gone(now + secs(99)).count(), 1);
        assert_eq!(held.gone(now + Duration::from_millis(99_001)).count(), 0);
    }

    #[test]
    fn hosts_hold_more_if_either_lifetime_is_longer() {
        let now = Instant::from_boot(NOW);
        let mut held = AdvertisedState::default();
        held.record(now, &ra(180, 1, 100, 50));
        assert!(!held.exceeds(now, &on_link(1, 100, 50)) && !held.exceeds(now, &on_link(2, 10, 5)));
        assert!(held.exceeds(now, &on_link(1, 100, 5)) && held.exceeds(now, &on_link(1, 10, 50)));
        // By more than rounding explains.
        assert!(!held.exceeds(now, &on_link(1, 98, 48)) && held.exceeds(now, &on_link(1, 97, 48)));
    }
}
