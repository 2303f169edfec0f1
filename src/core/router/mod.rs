//! RFC 4861, 6.2 as a state machine without I/O, clock or randomness of its own.

mod advertised;
mod packets;
mod stage;

#[cfg(test)]
mod tests;

use core::net::Ipv6Addr;
use core::time::Duration;

use rand::{Rng, RngExt};

use crate::eligibility::{AdvertisingBasis, Pending, Reason, Verdict};
use crate::lifetime::Lifetime;
use crate::policy::RaPolicy;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};
pub use advertised::{AdvertisedPrefix, AdvertisedState, MAX_PREFIXES};
use stage::{Advertising, Cease, Stage, Withdrawing};

// Router constants of RFC 4861, section 10.

/// The longest wait between two of the first advertisements.
pub const MAX_INITIAL_RTR_ADVERT_INTERVAL: Duration = Duration::from_secs(16);
/// How many advertisements count as the first ones.
pub const MAX_INITIAL_RTR_ADVERTISEMENTS: u8 = 3;
/// The most that are sent when an interface ceases to advertise.
pub const MAX_FINAL_RTR_ADVERTISEMENTS: u8 = 3;
/// The least time between two advertisements to all nodes.
pub const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);
/// The longest delay of an answer to a solicitation.
pub const MAX_RA_DELAY_TIME: Duration = Duration::from_millis(500);

/// The shortest time between two attempts to send if sends fail.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);
/// How long before a lifetime ends in hosts the current prefix is advertised
/// again, if the lifetime of the interface's address was lengthened: the minimum
/// delay, plus one second for the transmission.
const REFRESH_MARGIN: Duration = Duration::from_secs(4);
/// How long the deprecation of the only prefix waits for another one to be added.
const REPLACEMENT_WAIT: Duration = Duration::from_millis(300);
/// How long it waits in all while another one is tentative: Linux needs up to 2 s
/// for Duplicate Address Detection.
const TENTATIVE_WAIT: Duration = Duration::from_millis(2500);
/// How long after [`Router::stop`] there is an attempt to withdraw the default
/// route: the minimum delay, and a second for sends that fail.
const STOP_LIMIT: Duration = Duration::from_secs(4);

/// One interface's router.
///
/// On every event and at [`Router::deadline`] its owner reads the state of the
/// link and passes the verdict to [`Router::advance`], the only source of
/// packets, so that there is none without a current verdict. The owner sends
/// the packet that it returns and calls [`Router::sent`] or [`Router::failed`]
/// before anything else. While the state cannot be read, it calls only
/// [`Router::stop`] and [`Router::give_up`].
///
/// ```text
///            advertise                 not forwarding, no prefix
///   Silent ------------> Advertising ---------------------------> Withdrawing
///     ^                       |   \__________________________________/   |
///     |      anything else    |                advertise                 |
///     +-----------------------+------------------------------------------+
///                             | stop
///                             v
///                           Final ------------> Stopped
/// ```
#[derive(Debug)]
pub struct Router<R> {
    policy: RaPolicy,
    rng: R,
    stage: Stage,
    /// When the last advertisement was sent, by this or an earlier process.
    last_ra: Option<Instant>,
    /// When waiting solicitations are to be answered.
    answer: Option<Instant>,
    /// The number of failed sends since the last change.
    failures: u32,
    /// No attempt to send before this, after a send that failed.
    retry_at: Option<Instant>,
    advertised: AdvertisedState,
    /// Since when hosts prefer a prefix that the interface does not any more,
    /// and none that it does.
    missing_since: Option<Instant>,
    /// Until then nothing changes, as another prefix may be on its way.
    hold: Option<Instant>,
    /// After [`Router::stop`]: when it is given up.
    stop_by: Option<Instant>,
}

/// What a process hands over to the next one on the same link.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct SentState {
    /// When the last advertisement was sent, or its sending began.
    pub last_ra: Option<Instant>,
    /// Whether it was still being sent.
    pub is_sending: bool,
    /// What hosts hold.
    pub advertised: AdvertisedState,
}

/// A packet to be sent, and its purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmission {
    /// The packet.
    pub ra: RouterAdvertisement,
    /// Its purpose.
    pub purpose: Purpose,
}

/// The purpose of an advertisement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// It keeps hosts configured.
    Serve {
        /// Whether a solicitation waits for it.
        answers: bool,
    },
    /// It announces that a prefix is deprecated or was removed.
    Retire,
    /// It withdraws what was advertised.
    Withdraw,
}

impl<R: Rng> Router<R> {
    /// A router on a link on which an earlier process left `sent`.
    pub fn new(policy: RaPolicy, rng: R, sent: &SentState) -> Self {
        Self {
            policy,
            rng,
            stage: Stage::Silent,
            last_ra: sent.last_ra,
            answer: None,
            failures: 0,
            retry_at: None,
            advertised: sent.advertised,
            missing_since: None,
            hold: None,
            stop_by: None,
        }
    }

    /// Takes the verdict on the link at `now`, and returns the packet that is
    /// due, if one is.
    pub fn advance(&mut self, now: Instant, verdict: &Verdict) -> Option<Transmission> {
        self.observe(now, verdict);
        let transmission = self.transmission(now);
        if transmission.is_none() {
            self.give_up(now);
        }
        transmission
    }

    /// The address that hosts know the router by, if they do.
    #[must_use]
    pub fn source(&self) -> Option<Ipv6Addr> {
        self.advertised.source
    }

    /// When [`Router::advance`] is to be called next, events aside; `None`:
    /// not before the next event.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let recheck = match &self.stage {
            Stage::Advertising(a) => a.recheck,
            _ => None,
        };
        // While it holds, nothing else is looked at.
        self.hold
            .or_else(|| [self.send_at(), recheck].into_iter().flatten().min())
    }

    /// When the next packet is due, as far as is known now.
    #[must_use]
    pub fn send_at(&self) -> Option<Instant> {
        let due = match &self.stage {
            Stage::Silent | Stage::Stopped => return None,
            Stage::Advertising(a) => [self.answer, a.refresh]
                .into_iter()
                .flatten()
                .fold(a.due, Instant::min),
            Stage::Withdrawing(w) => w.due,
            Stage::Final(_) => Instant::from_boot(Duration::ZERO),
        };
        Some(
            [self.retry_at, self.hold]
                .into_iter()
                .flatten()
                .fold(due.max(self.earliest()), Instant::max),
        )
    }

    /// A valid solicitation was received (RFC 4861, 6.2.6).
    pub fn solicited(&mut self, now: Instant) {
        if self.wants_solicitations() {
            let delay = self.random(Duration::ZERO, MAX_RA_DELAY_TIME);
            self.answer = Some((now + delay).max(self.earliest()));
        }
    }

    /// Whether a solicitation would change the schedule. While an answer is
    /// scheduled it serves all hosts that solicit, so none needs to be received.
    #[must_use]
    pub fn wants_solicitations(&self) -> bool {
        matches!(self.stage, Stage::Advertising(_)) && self.answer.is_none() && self.stop_by.is_none()
    }

    /// What the next process has to know if this one is killed now.
    #[must_use]
    pub fn sent_state(&self) -> SentState {
        SentState {
            last_ra: self.last_ra,
            is_sending: false,
            advertised: self.advertised,
        }
    }

    /// What the next process has to know if this one is killed while it sends
    /// `tx` at `now`: the packet may have left, or not.
    #[must_use]
    pub fn sent_state_during(&self, now: Instant, tx: &Transmission) -> SentState {
        SentState {
            last_ra: Some(now),
            is_sending: true,
            advertised: self.advertised.with_possible(now, &tx.ra),
        }
    }

    /// `tx` has been sent, at the latest at `now`.
    pub fn sent(&mut self, now: Instant, tx: &Transmission) {
        self.last_ra = Some(now);
        self.failures = 0;
        self.retry_at = None;
        self.advertised.record(now, &tx.ra);
        let interval = self.random(self.policy.min_interval(), self.policy.max_interval());
        let has_news = self.has_news(now);
        match &mut self.stage {
            Stage::Advertising(a) => {
                a.last_was_current = tx.purpose != Purpose::Retire;
                if a.last_was_current {
                    a.initial_left = a.initial_left.saturating_sub(1);
                    self.answer = None;
                }
                let interval = if has_news {
                    MIN_DELAY_BETWEEN_RAS
                } else if a.initial_left > 0 {
                    interval.min(MAX_INITIAL_RTR_ADVERT_INTERVAL)
                } else {
                    interval
                };
                a.due = now + interval;
                self.plan_refresh(now);
            }
            Stage::Withdrawing(w) => {
                w.sent = w.sent.saturating_add(1);
                if w.sent >= MAX_FINAL_RTR_ADVERTISEMENTS && !has_news {
                    self.stage = Stage::Silent;
                }
            }
            Stage::Final(_) => self.stage = Stage::Stopped,
            Stage::Silent | Stage::Stopped => {}
        }
    }

    /// The last packet could not be sent. It is retried with exponential
    /// back-off up to the maximum interval, solicited or not, until something
    /// changes.
    pub fn failed(&mut self, now: Instant) {
        let pause = if matches!(self.stage, Stage::Final(_)) {
            // What ends the process cannot wait.
            RETRY_INTERVAL
        } else {
            let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
            MIN_DELAY_BETWEEN_RAS
                .saturating_mul(factor)
                .min(self.policy.max_interval())
        };
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(now + pause);
        self.give_up(now);
    }

    /// Asks for a last advertisement that withdraws the default route, if
    /// hosts have one from here; [`Router::is_stopped`] tells when to exit.
    pub fn stop(&mut self, now: Instant) {
        if self.stop_by.is_none() {
            self.stop_by = Some(now + STOP_LIMIT);
            self.retry_soon(now);
        }
    }

    /// When [`Router::give_up`] is to be called at the latest, after a [`Router::stop`].
    #[must_use]
    pub fn stop_by(&self) -> Option<Instant> {
        self.stop_by
    }

    /// Ends an attempt to withdraw that has taken too long.
    pub fn give_up(&mut self, now: Instant) {
        if self.stop_by.is_some_and(|by| by <= now) {
            self.stage = Stage::Stopped;
        }
    }

    /// Whether there is nothing left to do after [`Router::stop`].
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(self.stage, Stage::Stopped)
    }

    fn observe(&mut self, now: Instant, verdict: &Verdict) {
        self.await_replacement(now, verdict);
        if self.hold.is_some() {
            return;
        }
        let basis = verdict.basis();
        let news = basis.is_some_and(|basis| self.advertised.compare(now, basis));
        if news {
            self.retry_soon(now);
        }
        if self.stop_by.is_some() {
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

    /// The only prefix is not deprecated while another may be on its way: hosts
    /// would have none to prefer for the 3 s that the next advertisement takes.
    fn await_replacement(&mut self, now: Instant, verdict: &Verdict) {
        let withdraws_route = matches!(verdict.reason(), Some(Reason::NotForwarding(_)));
        let missing = verdict
            .basis()
            .filter(|_| !withdraws_route && self.stop_by.is_none())
            .filter(|basis| self.advertised.is_preferred_in_vain(now, basis));
        self.missing_since = missing.map(|_| self.missing_since.unwrap_or(now));
        self.hold = missing.zip(self.missing_since).and_then(|(basis, since)| {
            let may_come = |&(_, pending): &_| pending != Pending::Duplicate;
            let wait = if basis.pending.iter().any(may_come) {
                TENTATIVE_WAIT
            } else {
                REPLACEMENT_WAIT
            };
            Some(since + wait).filter(|&until| now < until)
        });
    }

    fn advertise(&mut self, now: Instant, basis: &AdvertisingBasis, prefix: &PrefixInformation, news: bool) {
        let current = self.capped(prefix);
        let restart = news || self.advertised.exceeds(now, &current);
        if let Stage::Advertising(a) = &mut self.stage {
            let is_same = a.is_same(basis, &current);
            if restart || !is_same {
                a.due = a.due.min(now);
                a.initial_left = MAX_INITIAL_RTR_ADVERTISEMENTS;
                a.last_was_current = false;
            }
            a.current = current;
            if a.basis != *basis {
                a.basis.clone_from(basis);
            }
            if !is_same {
                self.retry_soon(now);
            }
        } else {
            self.stage = Stage::Advertising(Advertising {
                basis: basis.clone(),
                current,
                due: now,
                initial_left: MAX_INITIAL_RTR_ADVERTISEMENTS,
                last_was_current: false,
                next_retired: 0,
                refresh: None,
                recheck: None,
            });
            self.retry_soon(now);
        }
        self.plan_refresh(now);
    }

    /// Looks for a lifetime that ends in hosts before the next advertisement
    /// although the interface's own address was given a longer one.
    fn plan_refresh(&mut self, now: Instant) {
        let Stage::Advertising(a) = &mut self.stage else {
            return;
        };
        // A lifetime that was configured shorter than the interval is meant to end.
        let max = Lifetime::from_duration(self.policy.max_interval());
        let [valid_is_meant, preferred_is_meant] = [self.policy.valid() < max, self.policy.preferred() < max];
        (a.refresh, a.recheck) = (None, None);
        let Some(ends) = self.advertised.ends(now, &a.current) else {
            // Hosts do not hold the prefix any more.
            let lives = a.current.valid > Lifetime::ZERO && !valid_is_meant;
            a.refresh = lives.then_some(now);
            return;
        };
        let [valid, preferred] = ends;
        for (end, is_longer) in [
            valid.filter(|_| !valid_is_meant),
            preferred.filter(|_| !preferred_is_meant),
        ]
        .into_iter()
        .flatten()
        {
            let by = end - REFRESH_MARGIN;
            let plan = match is_longer {
                true => &mut a.refresh,
                false if by > now => &mut a.recheck,
                false => continue,
            };
            *plan = Some(plan.map_or(by, |earlier| earlier.min(by)));
        }
    }

    fn withdraw(&mut self, now: Instant, basis: &AdvertisingBasis, reason: &Reason, news: bool) {
        let cease = match reason {
            Reason::NotForwarding(_) => Some(Cease::NotForwarding),
            Reason::NoPrefix => Some(Cease::NoPrefix),
            // The prefix is tentative or a duplicate: the default route stays.
            _ => None,
        };
        match &mut self.stage {
            Stage::Withdrawing(w) if w.cease == cease && !news => w.basis.clone_from(basis),
            _ => {
                self.stage = Stage::Withdrawing(Withdrawing {
                    basis: basis.clone(),
                    cease,
                    due: now,
                    sent: 0,
                });
                let has_route = cease.is_some() && self.advertised.is_router(now);
                if has_route || self.has_news(now) {
                    self.retry_soon(now);
                } else {
                    self.stage = Stage::Silent;
                }
            }
        }
    }

    fn prepare_final(&mut self, now: Instant, verdict: &Verdict) {
        self.answer = None;
        let ra = verdict
            .basis()
            .filter(|_| self.advertised.is_router(now))
            .and_then(|basis| self.withdrawal(now, basis));
        self.stage = ra.map_or(Stage::Stopped, Stage::Final);
    }

    /// Ends the back-off, because something changed that may let a send succeed.
    fn retry_soon(&mut self, now: Instant) {
        self.failures = 0;
        self.retry_at = self.retry_at.map(|at| at.min(now + RETRY_INTERVAL));
    }

    /// When the minimum delay after the last advertisement is over.
    fn earliest(&self) -> Instant {
        self.last_ra.map_or(Instant::from_boot(Duration::ZERO), |at| {
            at + MIN_DELAY_BETWEEN_RAS
        })
    }

    fn random(&mut self, least: Duration, most: Duration) -> Duration {
        self.rng.random_range(least..=most)
    }
}
