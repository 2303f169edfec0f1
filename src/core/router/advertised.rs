//! What the guests on the link were told, and still believe.

use alloc::vec::Vec;
use core::time::Duration;

use crate::eligibility::AdvertisingBasis;
use crate::lifetime::Lifetime;
use crate::prefix::Prefix64;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};

/// A prefix that is gone lives on in guests for at most this long: RFC 4862,
/// 5.5.3 e) lets no unauthenticated advertisement cut it any shorter.
pub(super) const MAX_STALE_LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
/// The renumberings that are remembered; beyond that the one that ends first
/// is forgotten.
const MAX_PREFIXES: usize = 8;
/// Rounding of remaining lifetimes to seconds, twice.
const ROUNDING: Duration = Duration::from_secs(2);

/// The state of belief of a guest that heard everything.
#[derive(Clone, Debug)]
pub(super) struct AdvertisedState {
    /// The last advertisement had a Router Lifetime above 0.
    pub(super) default_router: bool,
    last: Option<Prefix64>,
    prefixes: Vec<AdvertisedPrefix>,
}

#[derive(Clone, Debug)]
struct AdvertisedPrefix {
    prefix: Prefix64,
    valid_until: Option<Instant>,
    preferred_until: Option<Instant>,
    state: State,
    /// Whether it was advertised in its present `state`.
    announced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The prefix of the interface.
    Current,
    /// Still on the interface, deprecated (RFC 4192, 2.6).
    Deprecated,
    /// Removed from the interface.
    Gone,
}

impl AdvertisedState {
    pub(super) fn new(default_router: bool) -> Self {
        Self {
            default_router,
            last: None,
            prefixes: Vec::new(),
        }
    }

    /// Takes note of an advertisement that was sent.
    pub(super) fn record(&mut self, now: Instant, ra: &RouterAdvertisement) {
        self.default_router = ra.router_lifetime > 0;
        let PrefixInformation {
            prefix,
            valid,
            preferred,
        } = ra.prefix;
        self.last = Some(prefix);
        let entry = if let Some(known) = self.prefixes.iter().position(|p| p.prefix == prefix) {
            self.prefixes.get_mut(known)
        } else {
            if self.prefixes.len() >= MAX_PREFIXES {
                self.forget_one();
            }
            self.prefixes.push(AdvertisedPrefix {
                prefix,
                valid_until: None,
                preferred_until: None,
                state: State::Current,
                announced: true,
            });
            self.prefixes.last_mut()
        };
        if let Some(entry) = entry {
            entry.valid_until = valid.end(now);
            entry.preferred_until = preferred.end(now);
            entry.announced = true;
        }
    }

    fn forget_one(&mut self) {
        let retired = self
            .prefixes
            .iter()
            .enumerate()
            .filter(|(_, p)| p.state != State::Current);
        if let Some((index, _)) = retired.min_by_key(|(_, p)| p.valid_until) {
            self.prefixes.remove(index);
        }
    }

    /// Compares with what is on the interface now. True if a prefix left its
    /// former state, so that guests have something new to hear.
    pub(super) fn compare(&mut self, now: Instant, on_link: &AdvertisingBasis) -> bool {
        self.prefixes
            .retain(|p| p.valid_until.is_none_or(|end| end > now));
        let mut changed = false;
        for told in &mut self.prefixes {
            let state = if on_link.preferred.is_some_and(|p| p.prefix == told.prefix) {
                State::Current
            } else if on_link.deprecated.iter().any(|d| d.prefix == told.prefix) {
                State::Deprecated
            } else if on_link.pending.contains(&told.prefix) {
                // Its fate is not decided: duplicate address detection runs again.
                continue;
            } else {
                State::Gone
            };
            if state == told.state {
                continue;
            }
            told.state = state;
            told.announced = false;
            changed = true;
            if state == State::Gone {
                let most = now + MAX_STALE_LIFETIME;
                told.valid_until = Some(told.valid_until.map_or(most, |end| end.min(most)));
            }
        }
        changed
    }

    /// The retired prefixes that guests know from us and have not heard of in
    /// this state.
    pub(super) fn unannounced(&self, now: Instant) -> impl Iterator<Item = Prefix64> + '_ {
        self.prefixes
            .iter()
            .filter(move |p| p.state != State::Current && !p.announced && p.remaining(now) > Lifetime::ZERO)
            .map(|p| p.prefix)
    }

    /// The prefixes that are gone from the interface, as they are to be
    /// advertised: not preferred, valid for what remains (RFC 9096, 3.5).
    pub(super) fn gone(&self, now: Instant) -> impl Iterator<Item = PrefixInformation> + '_ {
        self.prefixes
            .iter()
            .filter(|p| p.state == State::Gone)
            .map(move |p| PrefixInformation {
                prefix: p.prefix,
                valid: p.remaining(now),
                preferred: Lifetime::ZERO,
            })
            .filter(|p| p.valid > Lifetime::ZERO)
    }

    /// Whether guests were told of `prefix` at all.
    pub(super) fn knows(&self, prefix: Prefix64) -> bool {
        self.prefixes.iter().any(|p| p.prefix == prefix)
    }

    /// The prefix told last as the current one, with what remains of it.
    pub(super) fn latest(&self, now: Instant) -> Option<PrefixInformation> {
        self.prefixes
            .iter()
            .filter(|p| p.state == State::Current)
            .max_by_key(|p| p.preferred_until)
            .map(|p| PrefixInformation {
                prefix: p.prefix,
                valid: p.remaining(now),
                preferred: Lifetime::between(now, p.preferred_until),
            })
    }

    /// The prefix told last, its lifetime over.
    pub(super) fn ended(&self) -> Option<PrefixInformation> {
        self.last.map(|prefix| PrefixInformation {
            prefix,
            valid: Lifetime::ZERO,
            preferred: Lifetime::ZERO,
        })
    }

    /// Whether guests believe in longer lifetimes than `now_offered` has.
    pub(super) fn exceeds(&self, now: Instant, now_offered: &PrefixInformation) -> bool {
        let longer = |told: Option<Instant>, offered: Lifetime| match (told, offered.end(now)) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(told), Some(offered)) => told > offered + ROUNDING,
        };
        self.prefixes.iter().any(|p| {
            p.prefix == now_offered.prefix
                && (longer(p.valid_until, now_offered.valid)
                    || longer(p.preferred_until, now_offered.preferred))
        })
    }
}

impl AdvertisedPrefix {
    fn remaining(&self, now: Instant) -> Lifetime {
        Lifetime::between(now, self.valid_until)
    }
}
