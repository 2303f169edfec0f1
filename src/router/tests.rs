//! The schedule in simulated time: days pass in milliseconds.

use std::net::Ipv6Addr;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::config::Config;
use crate::config::tests::settings;
use crate::lifetime::Lifetime;
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
        let policy = Config::try_from(&settings()).unwrap().ra;
        Self {
            router: Router::new(policy, SmallRng::seed_from_u64(seed), last_ra, last_ra.is_some()),
            random: SmallRng::seed_from_u64(!seed),
            now: Instant::from_boot(Duration::from_secs(1000)),
            verdict: Verdict::Silent(Reason::Down),
            wire: Vec::new(),
            broken: false,
            attempts: Vec::new(),
        }
    }

    /// Advances as the daemon does, on an event or when something is due.
    fn turn(&mut self) {
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
        self.turn();
    }

    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(due) = self.router.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.turn();
        }
        self.now = end;
    }

    fn solicit(&mut self) {
        self.router.solicited(self.now);
    }

    fn stop(&mut self) {
        self.router.stop();
        self.turn();
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

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn source(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn prefix(number: u16) -> Prefix64 {
    Prefix64::of(Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 1))
}

fn on_link(number: u16, valid: u32, preferred: u32) -> PrefixInformation {
    PrefixInformation {
        prefix: prefix(number),
        valid: Lifetime::from_bits(valid),
        preferred: Lifetime::from_bits(preferred),
    }
}

fn permanent(number: u16) -> PrefixInformation {
    on_link(number, u32::MAX, u32::MAX)
}

fn footing() -> Footing {
    Footing {
        source: source("fe80::1"),
        carrier_ups: 1,
        preferred: None,
        deprecated: Vec::new(),
        pending: Vec::new(),
    }
}

fn advertise(prefix: PrefixInformation) -> Verdict {
    advertise_on(footing(), prefix)
}

fn advertise_on(footing: Footing, prefix: PrefixInformation) -> Verdict {
    let preferred = Some(prefix);
    Verdict::Advertise(Footing { preferred, ..footing }, prefix)
}

fn not_forwarding() -> Verdict {
    let preferred = Some(permanent(1));
    Verdict::WithdrawOnly(
        Footing {
            preferred,
            ..footing()
        },
        Reason::NotForwarding(0),
    )
}

fn no_prefix() -> Verdict {
    Verdict::WithdrawOnly(footing(), Reason::NoPrefix)
}

#[test]
fn the_first_follows_at_once_and_three_are_close_together() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed);
        link.becomes(advertise(permanent(1)));
        assert_eq!(link.wire.len(), 1);
        link.pass(DAY);
        let gaps = link.gaps();
        assert!(
            gaps[..2]
                .iter()
                .all(|gap| *gap <= MAX_INITIAL_RTR_ADVERT_INTERVAL),
            "{gaps:?}"
        );
        assert!(
            gaps[2..].iter().all(|gap| (secs(20)..=secs(60)).contains(gap)),
            "{gaps:?}"
        );
    }
}

#[test]
fn intervals_are_spread_over_the_whole_range() {
    let mut link = Link::new(7);
    link.becomes(advertise(permanent(1)));
    link.pass(10 * DAY);
    let gaps = &link.gaps()[2..];
    for slice in 0..8 {
        let range = secs(20 + 5 * slice)..secs(25 + 5 * slice);
        let share = gaps.iter().filter(|gap| range.contains(gap)).count() * 8 * 100 / gaps.len();
        assert!(
            (85..=115).contains(&share),
            "{range:?}: {share} % of the even share"
        );
    }
}

#[test]
fn whatever_happens_three_seconds_lie_between_two() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed);
        for _ in 0..2000 {
            match link.random.random_range(0..12) {
                0..5 => link.solicit(),
                5 => link.becomes(advertise(permanent(1))),
                6 => link.becomes(advertise(permanent(2))),
                7 => link.becomes(not_forwarding()),
                8 => link.becomes(no_prefix()),
                9 => link.becomes(Verdict::Silent(Reason::NoCarrier)),
                10 => {
                    link.broken = !link.broken;
                }
                _ => link.turn(),
            }
            let span = link.random.random_range(Duration::ZERO..secs(8));
            link.pass(span);
        }
        link.broken = false;
        link.stop();
        link.pass(DAY);
        assert!(link.router.is_stopped());
        assert!(link.wire.len() > 200, "{}", link.wire.len());
        let least = link
            .attempts
            .windows(2)
            .map(|w| w[1].saturating_since(w[0]))
            .min();
        assert!(least >= Some(MIN_DELAY_BETWEEN_RAS), "seed {seed}: {least:?}");
    }
}

#[test]
fn an_answer_comes_within_half_a_second_or_when_three_have_passed() {
    let mut delays = Vec::new();
    for seed in 0..2 * SEEDS {
        let mut link = Link::new(seed);
        link.becomes(advertise(permanent(1)));
        link.pass(secs(120));
        link.wire.clear();
        // Right after an unsolicited one the rate limit rules.
        while link.wire.is_empty() {
            link.pass(Duration::from_millis(10));
        }
        let last = link.wire[0].0;
        link.solicit();
        let asked = link.now;
        while link.wire.len() < 2 {
            link.pass(Duration::from_millis(1));
        }
        let (at, tx) = link.wire[1];
        assert!(at >= last + MIN_DELAY_BETWEEN_RAS);
        assert!(at <= (asked + MAX_RA_DELAY_TIME).max(last + MIN_DELAY_BETWEEN_RAS));
        assert_eq!(tx.purpose, Purpose::Serve { answers: true });
        // Long after it, the random delay does.
        link.pass(secs(5));
        link.wire.clear();
        let asked = link.now;
        link.solicit();
        link.pass(secs(1));
        let (at, _) = link.wire[0];
        delays.push(at.saturating_since(asked));
    }
    assert!(delays.iter().all(|delay| *delay <= MAX_RA_DELAY_TIME));
    let mean = delays.iter().sum::<Duration>() / u32::try_from(delays.len()).unwrap();
    assert!((200..300).contains(&mean.as_millis()), "{mean:?}");
}

#[test]
fn one_answer_serves_all_who_ask() {
    let mut link = Link::new(3);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(50));
    let before = link.wire.len();
    assert!(link.router.wants_solicitations());
    for _ in 0..20 {
        link.solicit();
        assert!(!link.router.wants_solicitations());
    }
    link.pass(secs(1));
    assert_eq!(link.wire.len(), before + 1);
    assert!(link.router.wants_solicitations());
}

#[test]
fn an_answer_starts_the_interval_anew() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed);
        link.becomes(advertise(permanent(1)));
        link.pass(secs(200));
        link.solicit();
        link.pass(secs(100));
        let answers = Purpose::Serve { answers: true };
        let answer = link
            .wire
            .iter()
            .position(|(_, tx)| tx.purpose == answers)
            .unwrap();
        let gap = link.wire[answer + 1].0.saturating_since(link.wire[answer].0);
        assert!((secs(20)..=secs(60)).contains(&gap), "{gap:?}");
    }
}

#[test]
fn the_packet_says_what_was_configured() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    assert_eq!(
        link.last(),
        RouterAdvertisement {
            source: source("fe80::1"),
            router_lifetime: 180,
            prefix: on_link(1, 86_400, 14_400),
        }
    );
}

#[test]
fn lifetimes_never_exceed_what_remains_of_the_address() {
    let mut link = Link::new(1);
    link.becomes(advertise(on_link(1, 1000, 300)));
    assert_eq!(link.last().prefix, on_link(1, 1000, 300));
    link.becomes(advertise(on_link(1, 900, u32::MAX)));
    link.pass(secs(60));
    // A preferred lifetime is never longer than the valid one.
    assert_eq!(link.last().prefix, on_link(1, 900, 900));
}

#[test]
fn a_lifetime_cut_short_is_told_at_once() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(300));
    link.wire.clear();
    link.becomes(advertise(on_link(1, 600, 600)));
    assert_eq!(
        link.take(),
        [RouterAdvertisement {
            source: source("fe80::1"),
            router_lifetime: 180,
            prefix: on_link(1, 600, 600),
        }]
    );
    // Counting down is no change.
    link.pass(secs(10));
    link.wire.clear();
    link.becomes(advertise(on_link(1, 590, 590)));
    assert!(link.wire.is_empty());
}

#[test]
fn a_returned_carrier_is_served_at_once() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(300));
    link.wire.clear();
    // Lost and back between two looks.
    let carrier_ups = 2;
    link.becomes(advertise_on(
        Footing {
            carrier_ups,
            ..footing()
        },
        permanent(1),
    ));
    assert_eq!(link.wire.len(), 1);
    link.pass(secs(32));
    assert_eq!(link.wire.len(), 3);
}

#[test]
fn a_new_source_is_announced_at_once() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(300));
    let other = source("fe80::2");
    link.becomes(advertise_on(
        Footing {
            source: other,
            ..footing()
        },
        permanent(1),
    ));
    assert_eq!(link.last().source, other);
    assert_eq!(link.wire.last().unwrap().0, link.now);
}

#[test]
fn a_restart_keeps_the_distance() {
    let start = Instant::from_boot(secs(1000));
    let mut link = Link::with(1, Some(start));
    link.now = start + secs(1);
    link.becomes(advertise(permanent(1)));
    assert!(link.wire.is_empty());
    link.pass(secs(10));
    assert_eq!(link.wire[0].0, start + secs(3));
}

#[test]
fn a_stop_right_after_a_restart_withdraws_what_the_service_advertised() {
    let start = Instant::from_boot(secs(1000));
    let mut link = Link::with(1, Some(start));
    link.now = start + secs(1);
    link.becomes(advertise(permanent(1)));
    link.stop();
    link.pass(secs(10));
    let sent = link.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].router_lifetime, 0);
    assert!(link.router.is_stopped());
}

#[test]
fn a_stop_withdraws_the_default_route_once() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(1));
    link.wire.clear();
    link.stop();
    assert!(!link.router.is_stopped());
    link.pass(secs(60));
    assert!(link.router.is_stopped());
    let sent = link.take();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].router_lifetime, sent[0].prefix),
        (0, on_link(1, 86_400, 14_400))
    );
    link.pass(DAY);
    assert!(link.wire.is_empty());
}

#[test]
fn a_stop_is_silent_where_nothing_was_advertised_or_nothing_may_be_said() {
    let mut never = Link::new(1);
    never.becomes(Verdict::Silent(Reason::NoCarrier));
    never.stop();
    assert!(never.router.is_stopped() && never.wire.is_empty());

    for reason in [Reason::NoCarrier, Reason::DefaultRoute, Reason::OtherDaemon] {
        let mut link = Link::new(1);
        link.becomes(advertise(permanent(1)));
        link.pass(secs(10));
        link.becomes(Verdict::Silent(reason));
        link.wire.clear();
        link.stop();
        assert!(link.router.is_stopped() && link.wire.is_empty());
    }
}

#[test]
fn forwarding_switched_off_withdraws_the_route_and_then_is_silent() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.wire.clear();
    link.becomes(not_forwarding());
    assert_eq!(link.wire.len(), 1);
    link.pass(DAY);
    let sent = link.take();
    assert_eq!(sent.len(), usize::from(MAX_FINAL_RTR_ADVERTISEMENTS));
    assert!(
        sent.iter()
            .all(|ra| ra.router_lifetime == 0 && ra.prefix == on_link(1, 86_400, 14_400))
    );
    link.solicit();
    link.stop();
    assert!(link.router.is_stopped() && link.wire.is_empty());
}

#[test]
fn what_was_never_advertised_is_not_withdrawn() {
    let mut link = Link::new(1);
    link.becomes(not_forwarding());
    link.becomes(no_prefix());
    let deprecated = vec![on_link(1, 500, 0)];
    let reason = Reason::PrefixDeprecated(prefix(1));
    link.becomes(Verdict::WithdrawOnly(
        Footing {
            deprecated,
            ..footing()
        },
        reason,
    ));
    link.pass(DAY);
    assert!(link.wire.is_empty());
}

#[test]
fn an_uplink_or_ambiguity_silences_even_withdrawals() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(1));
    link.becomes(not_forwarding());
    link.becomes(Verdict::Silent(Reason::SeveralPrefixes(vec![
        prefix(1),
        prefix(2),
    ])));
    link.wire.clear();
    link.pass(DAY);
    assert!(link.wire.is_empty());
}

#[test]
fn a_replaced_prefix_is_deprecated_alternating_with_the_new_one() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.take();
    link.becomes(advertise(permanent(2)));
    link.pass(secs(4));
    let first: Vec<_> = link.wire.iter().map(|(_, tx)| tx.ra.prefix).collect();
    assert_eq!(first[0], on_link(2, 86_400, 14_400));
    // What remained was a day: two hours are the most. Three seconds passed.
    assert_eq!(first[1], on_link(1, 7197, 0));
    link.pass(secs(3 * 3600));
    let all = link.take();
    let old: Vec<_> = all.iter().filter(|ra| ra.prefix.prefix == prefix(1)).collect();
    let alternating = all
        .windows(2)
        .take(2 * old.len() - 2)
        .all(|w| w[0].prefix.prefix != w[1].prefix.prefix);
    assert!(alternating && old.len() > 50);
    assert!(
        old.iter()
            .all(|ra| ra.prefix.preferred == Lifetime::ZERO && ra.router_lifetime == 180)
    );
    assert!(old.windows(2).all(|w| w[0].prefix.valid > w[1].prefix.valid));
    // When its lifetime is over, so is the talk of it.
    assert_eq!(all.last().unwrap().prefix.prefix, prefix(2));
}

#[test]
fn a_stale_prefix_lives_no_longer_than_guests_were_told() {
    let mut link = Link::new(1);
    link.becomes(advertise(on_link(1, 600, 300)));
    link.pass(secs(2));
    link.becomes(advertise(permanent(2)));
    link.pass(secs(20));
    let (at, tx) = *link
        .wire
        .iter()
        .find(|(_, tx)| tx.purpose == Purpose::Retire)
        .unwrap();
    let passed = at.saturating_since(link.wire[0].0);
    assert_eq!(u64::from(tx.ra.prefix.valid.to_bits()), 600 - passed.as_secs());
}

#[test]
fn a_removed_prefix_is_deprecated_then_the_route_withdrawn() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.take();
    link.becomes(no_prefix());
    link.pass(DAY);
    let sent = link.take();
    let lifetimes: Vec<_> = sent.iter().map(|ra| ra.router_lifetime).collect();
    assert_eq!(lifetimes, [180, 0, 0]);
    let stale =
        |ra: &RouterAdvertisement| ra.prefix.prefix == prefix(1) && ra.prefix.preferred == Lifetime::ZERO;
    assert!(sent.iter().all(stale));
    assert_eq!(sent[0].prefix.valid.to_bits(), 7200);
}

#[test]
fn a_prefix_that_ran_out_leaves_no_default_route_behind() {
    let mut link = Link::new(1);
    link.becomes(advertise(on_link(1, 14, 8)));
    link.pass(secs(8));
    let deprecated = vec![on_link(1, 6, 0)];
    let reason = Reason::PrefixDeprecated(prefix(1));
    link.becomes(Verdict::WithdrawOnly(
        Footing {
            deprecated,
            ..footing()
        },
        reason,
    ));
    link.pass(secs(6));
    link.take();
    link.becomes(no_prefix());
    link.pass(DAY);
    let sent = link.take();
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[2].router_lifetime, 0);
    assert_eq!(sent[2].prefix, on_link(1, 0, 0));
}

#[test]
fn a_prefix_under_duplicate_detection_is_not_withdrawn() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.take();
    let pending = vec![prefix(1)];
    let reason = Reason::PrefixTentative(prefix(1));
    link.becomes(Verdict::WithdrawOnly(Footing { pending, ..footing() }, reason));
    link.pass(secs(10));
    assert!(link.wire.is_empty());
    link.becomes(advertise(permanent(1)));
    assert_eq!(link.take().len(), 1);
}

#[test]
fn graceful_renumbering_tells_of_both_prefixes() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.take();
    let deprecated = vec![on_link(1, u32::MAX, 0)];
    link.becomes(advertise_on(
        Footing {
            deprecated,
            ..footing()
        },
        permanent(2),
    ));
    link.pass(secs(4));
    let sent = link.take();
    assert_eq!(sent[0].prefix, on_link(2, 86_400, 14_400));
    // The deprecated one keeps its valid lifetime: connections survive.
    assert_eq!(sent[1].prefix, on_link(1, 86_400, 0));
    // Then it goes.
    link.pass(secs(60));
    link.take();
    link.becomes(advertise(permanent(2)));
    link.pass(secs(4));
    let sent = link.take();
    assert_eq!(sent[0].prefix.prefix, prefix(2));
    assert_eq!(sent[1].prefix.prefix, prefix(1));
    assert!(sent[1].prefix.valid.to_bits() <= 7200);
}

#[test]
fn who_solicits_during_a_renumbering_gets_the_new_prefix() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed);
        link.becomes(advertise(permanent(1)));
        link.pass(secs(100));
        link.becomes(advertise(permanent(2)));
        link.pass(link.random.clone().random_range(secs(10)..secs(200)));
        link.wire.clear();
        link.solicit();
        link.pass(secs(4));
        let answer = link
            .wire
            .iter()
            .find(|(_, tx)| tx.purpose == Purpose::Serve { answers: true });
        assert_eq!(answer.unwrap().1.ra.prefix.prefix, prefix(2));
    }
}

#[test]
fn failing_sends_back_off_and_recover_within_an_interval() {
    let mut link = Link::new(1);
    link.broken = true;
    link.becomes(advertise(permanent(1)));
    for _ in 0..600 {
        link.solicit();
        link.pass(Duration::from_millis(500));
    }
    let gaps: Vec<_> = link
        .attempts
        .windows(2)
        .map(|w| w[1].saturating_since(w[0]).as_secs())
        .collect();
    assert_eq!(gaps[..6], [3, 6, 12, 24, 48, 60]);
    assert!(link.router.is_overdue(link.now));
    link.broken = false;
    link.pass(secs(60));
    assert!(!link.wire.is_empty() && !link.router.is_overdue(link.now));
}

#[test]
fn a_failing_last_word_does_not_keep_the_process() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.broken = true;
    link.stop();
    link.pass(secs(4));
    assert!(link.router.is_stopped());
}

#[test]
fn an_interface_that_waits_is_not_overdue() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.becomes(Verdict::Silent(Reason::NoCarrier));
    link.pass(DAY);
    assert!(!link.router.is_overdue(link.now));
    assert_eq!(link.router.deadline(), None);
}
