//! Which packet is due: the current prefix, a retired one in its turn, or a
//! withdrawal.

use alloc::vec::Vec;

use rand::Rng;

use super::stage::{Cease, Stage};
use super::{Purpose, Router, Transmission};
use crate::eligibility::AdvertisingBasis;
use crate::lifetime::Lifetime;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};

impl<R: Rng> Router<R> {
    /// The packet that is due, if one is.
    pub(super) fn transmission(&mut self, now: Instant) -> Option<Transmission> {
        if self.not_before.is_some_and(|not_before| now < not_before)
            || self.deadline().is_some_and(|due| now < due)
        {
            return None;
        }
        match &self.stage {
            Stage::Silent | Stage::Stopped => None,
            Stage::Advertising(_) => self.served(now),
            Stage::Withdrawing(w) => {
                // Only what this process advertised is its own to withdraw.
                let mut retired = self.retired(now, &w.basis);
                retired.retain(|r| self.advertised.knows(r.prefix));
                let prefix = retired.get(usize::from(w.sent) % retired.len().max(1)).copied();
                let router_lifetime = match w.cease {
                    // Another prefix may follow at once: the route outlives
                    // the first word on the old one.
                    Some(Cease::NoPrefix) if w.sent == 0 => self.policy.router_lifetime(),
                    Some(_) => 0,
                    None => self.policy.router_lifetime(),
                };
                let withdrawal = self.withdrawal(now, &w.basis);
                let prefix = prefix.or(withdrawal.map(|ra| ra.prefix));
                let Some(prefix) = prefix else {
                    self.stage = Stage::Silent;
                    return None;
                };
                let ra = RouterAdvertisement {
                    source: w.basis.source,
                    router_lifetime,
                    prefix,
                };
                let purpose = Purpose::Withdraw;
                Some(Transmission { ra, purpose })
            }
            Stage::Final(ra) => {
                let (ra, purpose) = (*ra, Purpose::Withdraw);
                Some(Transmission { ra, purpose })
            }
        }
    }

    /// The current prefix, or in its turn a retired one.
    fn served(&mut self, now: Instant) -> Option<Transmission> {
        let Stage::Advertising(a) = &self.stage else {
            return None;
        };
        let retired = self.retired(now, &a.basis);
        let new = self.advertised.unannounced(now).next();
        let new = new.and_then(|prefix| retired.iter().position(|r| r.prefix == prefix));
        let answers = self.answer.is_some();
        let turn = new.unwrap_or_else(|| a.next_retired % retired.len().max(1));
        // Who solicits needs the current prefix; only news comes first.
        let prefix = retired
            .get(turn)
            .filter(|_| a.last_was_current && (!answers || new.is_some()));
        let ra = RouterAdvertisement {
            source: a.basis.source,
            router_lifetime: self.policy.router_lifetime(),
            prefix: *prefix.unwrap_or(&a.current),
        };
        let purpose = match prefix {
            Some(_) => Purpose::Retire,
            None => Purpose::Serve { answers },
        };
        if let (Some(_), Stage::Advertising(a)) = (prefix, &mut self.stage) {
            a.next_retired = turn + 1;
        }
        Some(Transmission { ra, purpose })
    }

    /// The prefixes that guests are to give up: deprecated on the interface
    /// (RFC 4192, 2.6), or gone from it (RFC 9096, 3.5).
    fn retired(&self, now: Instant, basis: &AdvertisingBasis) -> Vec<PrefixInformation> {
        let deprecated = basis.deprecated.iter().map(|d| PrefixInformation {
            preferred: Lifetime::ZERO,
            ..self.capped(d)
        });
        deprecated.chain(self.advertised.gone(now)).collect()
    }

    /// "No router any more", with the prefix as guests may go on using it.
    pub(super) fn withdrawal(&self, now: Instant, basis: &AdvertisingBasis) -> Option<RouterAdvertisement> {
        let preferred = basis.preferred.map(|prefix| self.capped(&prefix));
        let prefix = preferred
            .or_else(|| self.advertised.latest(now))
            .or_else(|| self.retired(now, basis).first().copied())
            // The option is never missing; with these lifetimes it says nothing.
            .or_else(|| self.advertised.ended())?;
        Some(RouterAdvertisement {
            source: basis.source,
            router_lifetime: 0,
            prefix,
        })
    }

    /// No longer than configured, nor than the interface's own address lives.
    pub(super) fn capped(&self, prefix: &PrefixInformation) -> PrefixInformation {
        let valid = prefix.valid.min(self.policy.valid());
        PrefixInformation {
            prefix: prefix.prefix,
            valid,
            preferred: prefix.preferred.min(self.policy.preferred()).min(valid),
        }
    }
}
