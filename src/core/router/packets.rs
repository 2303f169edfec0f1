//! Chooses the packet that is due: the current prefix, in turn with retired
//! ones, or a withdrawal.

use alloc::vec::Vec;

use rand::Rng;

use super::advertised::Retired;
use super::stage::{Cease, Stage};
use super::{Purpose, Router, Transmission};
use crate::eligibility::AdvertisingBasis;
use crate::lifetime::Lifetime;
use crate::prefix::Prefix64;
use crate::time::Instant;
use crate::wire::{PrefixInformation, RouterAdvertisement};

impl<R: Rng> Router<R> {
    /// The packet that is due, if one is.
    pub(super) fn transmission(&mut self, now: Instant) -> Option<Transmission> {
        if self.send_at().is_none_or(|due| now < due) {
            return None;
        }
        match &self.stage {
            Stage::Silent | Stage::Stopped => None,
            Stage::Advertising(_) => self.served(now),
            Stage::Withdrawing(_) => self.withdrawn(now),
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
        let retired = self.retired(now, &a.basis, Some(a.current.prefix));
        let news = retired.iter().position(|r| r.is_news);
        let answers = self.answer.is_some();
        let turn = news.unwrap_or_else(|| a.next_retired % retired.len().max(1));
        let is_urgent = a.refresh.is_some_and(|by| by <= now);
        // An answer to a solicitation has the current prefix; only an
        // unannounced retired one comes first.
        let prefix = retired
            .get(turn)
            .filter(|_| a.last_was_current && !is_urgent && (!answers || news.is_some()));
        let ra = RouterAdvertisement {
            source: a.basis.source,
            router_lifetime: self.policy.router_lifetime(),
            prefix: prefix.map_or(a.current, |retired| retired.information),
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

    /// The next of the final advertisements.
    fn withdrawn(&mut self, now: Instant) -> Option<Transmission> {
        let Stage::Withdrawing(w) = &self.stage else {
            return None;
        };
        // Only what was advertised from here is ours to withdraw.
        let mut retired = self.retired(now, &w.basis, None);
        retired.retain(|r| self.advertised.knows(r.information.prefix));
        let turn = retired.iter().position(|r| r.is_news);
        let turn = turn.unwrap_or_else(|| usize::from(w.sent) % retired.len().max(1));
        let router_lifetime = match w.cease {
            // Another prefix may follow at once: the first advertisement that
            // retires the old one keeps the route, but does not prolong it.
            Some(Cease::NoPrefix) if w.sent == 0 => self.advertised.router_lifetime(now),
            Some(_) => 0,
            None => self.advertised.router_lifetime(now),
        };
        let prefix = match retired.get(turn) {
            Some(retired) => Some(retired.information),
            None => self.withdrawal(now, &w.basis).map(|ra| ra.prefix),
        };
        let source = w.basis.source;
        let Some(prefix) = prefix else {
            self.stage = Stage::Silent;
            return None;
        };
        let ra = RouterAdvertisement {
            source,
            router_lifetime,
            prefix,
        };
        let purpose = Purpose::Withdraw;
        Some(Transmission { ra, purpose })
    }

    /// The prefixes that hosts are to give up: deprecated on the interface
    /// (RFC 4192, 2.6), or gone from it (RFC 9096, 3.5). The `current` one is
    /// advertised as such, even where it is deprecated.
    pub(super) fn retired(
        &self,
        now: Instant,
        basis: &AdvertisingBasis,
        current: Option<Prefix64>,
    ) -> Vec<Retired> {
        let deprecated = basis.deprecated.iter().map(|d| PrefixInformation {
            preferred: Lifetime::ZERO,
            ..self.capped(d)
        });
        deprecated
            .chain(self.advertised.gone(now))
            .filter(|information| Some(information.prefix) != current)
            .map(|information| Retired {
                information,
                is_news: self.advertised.is_unannounced(information.prefix),
            })
            .collect()
    }

    /// Whether a retired prefix is still to be announced.
    pub(super) fn has_news(&self, now: Instant) -> bool {
        let retired = match &self.stage {
            Stage::Advertising(a) => self.retired(now, &a.basis, Some(a.current.prefix)),
            Stage::Withdrawing(w) => self.retired(now, &w.basis, None),
            Stage::Silent | Stage::Final(_) | Stage::Stopped => return false,
        };
        retired.iter().any(|r| r.is_news)
    }

    /// Withdraws the default route; hosts may continue to use the prefix in it.
    pub(super) fn withdrawal(&self, now: Instant, basis: &AdvertisingBasis) -> Option<RouterAdvertisement> {
        let preferred = basis.preferred.map(|prefix| self.capped(&prefix));
        let retired = || self.retired(now, basis, None).first().map(|r| r.information);
        let prefix = preferred
            .or_else(|| self.advertised.latest(now))
            .or_else(retired)
            // Every RA has the option; with these lifetimes it changes nothing.
            .or_else(|| self.advertised.ended())?;
        Some(RouterAdvertisement {
            source: basis.source,
            router_lifetime: 0,
            prefix,
        })
    }

    /// `prefix` with lifetimes limited to the configured ones.
    pub(super) fn capped(&self, prefix: &PrefixInformation) -> PrefixInformation {
        let valid = prefix.valid.min(self.policy.valid());
        PrefixInformation {
            prefix: prefix.prefix,
            valid,
            preferred: prefix.preferred.min(self.policy.preferred()).min(valid),
        }
    }
}
