//! The schedule in simulated time: days pass in milliseconds.

mod failures;
mod renumbering;
mod schedule;
mod table;
mod withdrawal;

use core::net::Ipv6Addr;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::lifetime::Lifetime;
use crate::link::Hardware;
use crate::policy::RaParameters;
use crate::policy::tests::parameters;
use crate::prefix::Prefix64;

const DAY: Duration = Duration::from_secs(86_400);
const SEEDS: u64 = 50;

/// A router, a clock, and all that was put on the wire.
struct Link {
    router: Router<SmallRng>,
    random: SmallRng,
    now: Instant,
    verdict: Verdict,
    wire: Vec<(Instant, Transmission)>,
    broken: bool,
    attempts: Vec<Instant>,
}

impl Link {
    fn new(seed: u64) -> Self {
        Self::with(seed, None)
    }

    fn with(seed: u64, last_ra: Option<Instant>) -> Self {
        let policy = RaPolicy::new(&parameters()).unwrap();
        // An earlier process was the default router.
        let sent = SentState {
            last_ra,
            is_sending: false,
            advertised: AdvertisedState {
                router_until: last_ra.map(|at| at + secs(180)),
                last: last_ra.map(|_| prefix(1)),
                ..AdvertisedState::default()
            },
        };
        Self {
            router: Router::new(policy, SmallRng::seed_from_u64(seed), &sent),
            random: SmallRng::seed_from_u64(!seed),
            now: Instant::from_boot(Duration::from_secs(1000)),
            verdict: Verdict::Silent(Reason::Down),
            wire: Vec::new(),
            broken: false,
            attempts: Vec::new(),
        }
    }

    /// One that has advertised a /64 for some minutes, and nothing else since.
    fn settled() -> Self {
        let mut link = Self::new(1);
        link.becomes(advertise(permanent(1)));
        link.pass(secs(300));
        link.wire.clear();
        link
    }

    /// Advances as the daemon does, on an event or when something is due.
    fn reconcile(&mut self) {
        if let Some(tx) = self.router.advance(self.now, &self.verdict) {
            self.attempts.push(self.now);
            if self.broken {
                self.router.failed(self.now);
            } else {
                self.wire.push((self.now, tx));
                self.router.sent(self.now, &tx);
            }
        }
    }

    fn becomes(&mut self, verdict: Verdict) {
        self.verdict = verdict;
        self.reconcile();
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.router.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.reconcile();
        }
        self.now = end;
    }

    fn solicit(&mut self) {
        self.router.solicited(self.now);
    }

    fn stop(&mut self) {
        self.router.stop(self.now);
        self.reconcile();
    }

    fn last(&self) -> RouterAdvertisement {
        self.wire.last().expect("something was sent").1.ra
    }

    fn gaps(&self) -> Vec<Duration> {
        self.wire
            .windows(2)
            .map(|w| w[1].0.saturating_since(w[0].0))
            .collect()
    }

    /// Takes what was sent since the last time.
    fn take(&mut self) -> Vec<RouterAdvertisement> {
        self.wire.drain(..).map(|(_, tx)| tx.ra).collect()
    }
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn source(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn prefix(number: u16) -> Prefix64 {
    Prefix64::of(Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 1))
}

pub(crate) fn on_link(number: u16, valid: u32, preferred: u32) -> PrefixInformation {
    PrefixInformation {
        prefix: prefix(number),
        valid: Lifetime::from_bits(valid),
        preferred: Lifetime::from_bits(preferred),
    }
}

fn permanent(number: u16) -> PrefixInformation {
    on_link(number, u32::MAX, u32::MAX)
}

pub(crate) fn basis() -> AdvertisingBasis {
    AdvertisingBasis {
        source: source("fe80::1"),
        hardware: Hardware::Bare,
        host_forwards: true,
        carrier_ups: 1,
        preferred: None,
        deprecated: Vec::new(),
        pending: Vec::new(),
    }
}

fn advertise(prefix: PrefixInformation) -> Verdict {
    advertise_on(basis(), prefix)
}

fn advertise_on(basis: AdvertisingBasis, prefix: PrefixInformation) -> Verdict {
    let preferred = Some(prefix);
    Verdict::Advertise(AdvertisingBasis { preferred, ..basis }, prefix)
}

fn not_forwarding() -> Verdict {
    let preferred = Some(permanent(1));
    Verdict::WithdrawOnly(
        AdvertisingBasis { preferred, ..basis() },
        Reason::NotForwarding(0),
    )
}

fn no_prefix() -> Verdict {
    Verdict::WithdrawOnly(basis(), Reason::NoPrefix)
}

fn deprecated_only(prefix: PrefixInformation) -> Verdict {
    let deprecated = vec![prefix];
    Verdict::Advertise(
        AdvertisingBasis {
            deprecated,
            ..basis()
        },
        prefix,
    )
}

fn tentative(number: u16) -> Verdict {
    let pending = vec![(prefix(number), Pending::Tentative)];
    Verdict::WithdrawOnly(
        AdvertisingBasis { pending, ..basis() },
        Reason::PrefixTentative(prefix(number)),
    )
}
