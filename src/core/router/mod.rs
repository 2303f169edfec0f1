//! RFC 4861, 6.2 as a state machine without I/O, clock or randomness of its own.

mod advertised;
mod packets;
mod stage;

#[cfg(test)]
mod tests;

use core::time::Duration;

use rand::{Rng, RngExt};

use crate::eligibility::{AdvertisingBasis, Reason, Verdict};
use crate::policy::RaPolicy;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};
use advertised::AdvertisedState;
use stage::{Advertising, Cease, Stage, Withdrawing};

// Router constants of RFC 4861, section 10.

/// The longest wait between two of the first advertisements.
pub const MAX_INITIAL_RTR_ADVERT_INTERVAL: Duration = Duration::from_secs(16);
/// How many advertisements are the first ones.
pub const MAX_INITIAL_RTR_ADVERTISEMENTS: u8 = 3;
/// The most that are sent when an interface ceases to advertise.
pub const MAX_FINAL_RTR_ADVERTISEMENTS: u8 = 3;
/// The least time between two advertisements to all nodes.
pub const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);
/// The longest delay of an answer to a solicitation.
pub const MAX_RA_DELAY_TIME: Duration = Duration::from_millis(500);

/// One interface's router.
///
/// Its owner, on every event and at [`Router::deadline`], reads the state of
/// the link afresh and passes the verdict to [`Router::advance`], the only
/// source of packets: none can be had without a verdict on the present. A
/// packet that it returns is sent, and [`Router::sent`] or [`Router::failed`]
/// called, before anything else.
#[derive(Debug)]
pub struct Router<R> {
    policy: RaPolicy,
    rng: R,
    stage: Stage,
    /// No advertisement leaves before this.
    not_before: Option<Instant>,
    /// When waiting solicitations are to be answered.
    answer: Option<Instant>,
    /// Sends that failed in a row.
    failures: u32,
    advertised: AdvertisedState,
    stopping: bool,
}

/// A packet to be sent, and what it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmission {
    /// The packet.
    pub ra: RouterAdvertisement,
    /// Its purpose.
    pub purpose: Purpose,
}

/// What an advertisement is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To keep guests configured; `answers`: a solicitation waits for it.
    Serve {
        /// Whether a solicitation waits for it.
        answers: bool,
    },
    /// To tell of a prefix that is deprecated or gone.
    Retire,
    /// To withdraw what was advertised.
    Withdraw,
}

impl<R: Rng> Router<R> {
    /// A router that has not sent anything since `last_ra`, if that is known;
    /// `default_router`: with that an earlier process of the same service made
    /// itself the default router of the link, and this one takes over.
    pub fn new(policy: RaPolicy, rng: R, last_ra: Option<Instant>, default_router: bool) -> Self {
        Self {
            policy,
            rng,
            stage: Stage::Silent,
            not_before: last_ra.map(|at| at + MIN_DELAY_BETWEEN_RAS),
            answer: None,
            failures: 0,
            advertised: AdvertisedState::new(default_router),
            stopping: false,
        }
    }

    /// Takes the verdict on the link as it is `now`, and returns the packet
    /// that is due, if one is.
    pub fn advance(&mut self, now: Instant, verdict: &Verdict) -> Option<Transmission> {
        self.observe(now, verdict);
        self.transmission(now)
    }

    /// When [`Router::advance`] is to be called next, events aside; `None`:
    /// not before the next event.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let due = match &self.stage {
            Stage::Silent | Stage::Stopped => return None,
            Stage::Advertising(a) => self.answer.map_or(a.due, |answer| answer.min(a.due)),
            Stage::Withdrawing(w) => w.due,
            Stage::Final(_) => return self.not_before,
        };
        Some(self.not_before.map_or(due, |not_before| due.max(not_before)))
    }

    /// A valid solicitation was received (RFC 4861, 6.2.6).
    pub fn solicited(&mut self, now: Instant) {
        if self.wants_solicitations() {
            let delay = self.random(Duration::ZERO, MAX_RA_DELAY_TIME);
            self.answer = Some(self.earliest(now + delay));
        }
    }

    /// Whether a solicitation would make a difference. While an answer is
    /// scheduled it serves all who ask, so nobody needs to be heard.
    #[must_use]
    pub fn wants_solicitations(&self) -> bool {
        matches!(self.stage, Stage::Advertising(_)) && self.answer.is_none() && !self.stopping
    }

    /// `tx` has been put on the wire, at the latest `now`.
    pub fn sent(&mut self, now: Instant, tx: &Transmission) {
        self.not_before = Some(now + MIN_DELAY_BETWEEN_RAS);
        self.failures = 0;
        self.advertised.record(now, &tx.ra);
        let interval = self.random(self.policy.min_interval(), self.policy.max_interval());
        let more_to_retire = self.advertised.unannounced(now).next().is_some();
        match &mut self.stage {
            Stage::Advertising(a) => {
                a.last_was_current = tx.purpose != Purpose::Retire;
                if a.last_was_current {
                    a.initial_left = a.initial_left.saturating_sub(1);
                    self.answer = None;
                }
                let interval = if more_to_retire {
                    MIN_DELAY_BETWEEN_RAS
                } else if a.initial_left > 0 {
                    interval.min(MAX_INITIAL_RTR_ADVERT_INTERVAL)
                } else {
                    interval
                };
                a.due = now + interval;
                a.proven_until = self.policy.proven_until(now);
            }
            Stage::Withdrawing(w) => {
                w.sent = w.sent.saturating_add(1);
                w.due = now + MIN_DELAY_BETWEEN_RAS;
                if w.sent >= MAX_FINAL_RTR_ADVERTISEMENTS && !more_to_retire {
                    self.stage = Stage::Silent;
                }
            }
            Stage::Final(_) => self.stage = Stage::Stopped,
            Stage::Silent | Stage::Stopped => {}
        }
    }

    /// The last packet could not be sent. The next attempt follows after a
    /// pause that grows up to the maximum interval, solicited or not.
    pub fn failed(&mut self, now: Instant) {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let pause = MIN_DELAY_BETWEEN_RAS
            .saturating_mul(factor)
            .min(self.policy.max_interval());
        self.failures += 1;
        self.not_before = Some(now + pause);
        self.answer = None;
        match &mut self.stage {
            Stage::Advertising(a) => a.due = now + pause,
            Stage::Withdrawing(w) => w.due = now + pause,
            Stage::Final(_) => self.stage = Stage::Stopped,
            Stage::Silent | Stage::Stopped => {}
        }
    }

    /// Asks for a last advertisement that withdraws the default route, if
    /// guests have one from here; [`Router::is_stopped`] tells when to leave.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Whether there is nothing left to do after [`Router::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.stage, Stage::Stopped)
    }

    /// Whether guests wait for an advertisement longer than they should, as
    /// when no send succeeds.
    #[must_use]
    pub fn is_overdue(&self, now: Instant) -> bool {
        matches!(&self.stage, Stage::Advertising(a) if now > a.proven_until)
    }

    fn observe(&mut self, now: Instant, verdict: &Verdict) {
        let news = match verdict {
            Verdict::Advertise(basis, _) | Verdict::WithdrawOnly(basis, _) => {
                self.advertised.compare(now, basis)
            }
            Verdict::Silent(_) => false,
        };
        if self.stopping {
            self.prepare_final(now, verdict);
            return;
        }
        match verdict {
            Verdict::Advertise(basis, prefix) => self.advertise(now, basis, prefix, news),
            Verdict::WithdrawOnly(basis, reason) => self.withdraw(now, basis, reason, news),
            Verdict::Silent(_) => self.stage = Stage::Silent,
        }
        if !matches!(self.stage, Stage::Advertising(_)) {
            self.answer = None;
        }
    }

    fn advertise(&mut self, now: Instant, basis: &AdvertisingBasis, prefix: &PrefixInformation, news: bool) {
        let current = self.capped(prefix);
        let first = self.earliest(now);
        let restart = news || self.advertised.exceeds(now, &current);
        match &mut self.stage {
            Stage::Advertising(a) => {
                if restart || !a.is_same(basis, &current) {
                    a.due = a.due.min(first);
                    a.initial_left = MAX_INITIAL_RTR_ADVERTISEMENTS;
                    a.last_was_current = false;
                }
                a.current = current;
                if a.basis != *basis {
                    a.basis.clone_from(basis);
                }
            }
            _ => {
                self.stage = Stage::Advertising(Advertising {
                    basis: basis.clone(),
                    current,
                    due: first,
                    initial_left: MAX_INITIAL_RTR_ADVERTISEMENTS,
                    last_was_current: false,
                    next_retired: 0,
                    proven_until: self.policy.proven_until(first),
                });
            }
        }
    }

    fn withdraw(&mut self, now: Instant, basis: &AdvertisingBasis, reason: &Reason, news: bool) {
        let cease = match reason {
            Reason::NotForwarding(_) => Some(Cease::NotForwarding),
            Reason::NoPrefix => Some(Cease::NoPrefix),
            // The prefix is on its way in or out: the router stays one.
            _ => None,
        };
        let due = self.earliest(now);
        match &mut self.stage {
            Stage::Withdrawing(w) if w.cease == cease && !news => w.basis.clone_from(basis),
            _ if (cease.is_some() && self.advertised.default_router)
                || self.advertised.unannounced(now).next().is_some() =>
            {
                self.stage = Stage::Withdrawing(Withdrawing {
                    basis: basis.clone(),
                    cease,
                    due,
                    sent: 0,
                });
            }
            _ => self.stage = Stage::Silent,
        }
    }

    fn prepare_final(&mut self, now: Instant, verdict: &Verdict) {
        self.answer = None;
        let ra = match verdict {
            Verdict::Advertise(basis, _) | Verdict::WithdrawOnly(basis, _)
                if self.advertised.default_router =>
            {
                self.withdrawal(now, basis)
            }
            _ => None,
        };
        self.stage = ra.map_or(Stage::Stopped, Stage::Final);
    }

    fn earliest(&self, at: Instant) -> Instant {
        self.not_before.map_or(at, |not_before| at.max(not_before))
    }

    fn random(&mut self, least: Duration, most: Duration) -> Duration {
        self.rng.random_range(least..=most)
    }
}

impl RaPolicy {
    /// Until when one advertisement at `now` proves that guests are served.
    fn proven_until(&self, now: Instant) -> Instant {
        now + self.max_interval() + MIN_DELAY_BETWEEN_RAS
    }
}
