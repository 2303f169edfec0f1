//! When advertisements leave, and what is in them.

use super::*;
use crate::link::Hardware;

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
                _ => link.reconcile(),
            }
            let span = link.random.random_range(Duration::ZERO..secs(8));
            link.pass(span);
        }
        link.broken = false;
        link.stop();
        link.pass(DAY);
        assert!(link.router.is_stopped());
        assert!(link.wire.len() > 200, "{}", link.wire.len());
        let least = link.gaps().into_iter().min();
        assert!(least >= Some(MIN_DELAY_BETWEEN_RAS), "seed {seed}: {least:?}");
        let least = link
            .attempts
            .windows(2)
            .map(|w| w[1].saturating_since(w[0]))
            .min();
        assert!(least >= Some(RETRY_INTERVAL), "seed {seed}: {least:?}");
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
    let mut link = Link::settled();
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
    let mut link = Link::settled();
    // Lost and back between two looks.
    let carrier_ups = 2;
    link.becomes(advertise_on(
        AdvertisingBasis {
            carrier_ups,
            ..basis()
        },
        permanent(1),
    ));
    assert_eq!(link.wire.len(), 1);
    link.pass(secs(32));
    assert_eq!(link.wire.len(), 3);
}

#[test]
fn a_new_link_layer_address_is_announced_at_once() {
    let mut link = Link::settled();
    let hardware = Hardware::Ethernet([2, 0, 0, 0, 0, 9]);
    link.becomes(advertise_on(
        AdvertisingBasis { hardware, ..basis() },
        permanent(1),
    ));
    assert_eq!(link.wire.len(), 1);
}

#[test]
fn a_new_source_is_announced_at_once() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(300));
    let other = source("fe80::2");
    link.becomes(advertise_on(
        AdvertisingBasis {
            source: other,
            ..basis()
        },
        permanent(1),
    ));
    assert_eq!(link.last().source, other);
    // It is kept from then on.
    assert_eq!(link.router.source(), Some(other));
    assert_eq!(link.wire.last().unwrap().0, link.now);
}
