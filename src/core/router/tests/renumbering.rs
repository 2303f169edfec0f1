//! Prefixes that come, go and replace each other.

use super::*;

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
fn several_prefixes_that_are_gone_take_turns() {
    let mut link = Link::new(1);
    for number in 1..=3 {
        link.becomes(advertise(permanent(number)));
        link.pass(secs(200));
    }
    link.take();
    link.pass(secs(1200));
    let sent: Vec<_> = link.take().iter().map(|ra| ra.prefix.prefix).collect();
    for (number, least) in [(1, 5), (2, 5), (3, 10)] {
        let times = sent.iter().filter(|&&sent| sent == prefix(number)).count();
        assert!(times >= least, "{number}: {times}");
    }
    // The final ones, too.
    let preferred = Some(permanent(3));
    link.becomes(Verdict::WithdrawOnly(
        AdvertisingBasis { preferred, ..basis() },
        Reason::NotForwarding(0),
    ));
    link.pass(DAY);
    let sent: Vec<_> = link.take().iter().map(|ra| ra.prefix.prefix).collect();
    assert_eq!(sent, [prefix(1), prefix(2), prefix(1)]);
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
    let (last, _) = *link.wire.last().unwrap();
    link.take();
    // The route is left alone, and not prolonged.
    let left = 180 - (link.now + REPLACEMENT_WAIT).saturating_since(last).as_secs();
    link.becomes(no_prefix());
    link.pass(DAY);
    let sent = link.take();
    let lifetimes: Vec<u64> = sent.iter().map(|ra| ra.router_lifetime.into()).collect();
    assert!((left - 1..=left).contains(&lifetimes[0]), "{lifetimes:?}, {left}");
    assert_eq!(lifetimes[1..], [0, 0]);
    let stale =
        |ra: &RouterAdvertisement| ra.prefix.prefix == prefix(1) && ra.prefix.preferred == Lifetime::ZERO;
    assert!(sent.iter().all(stale));
    assert_eq!(sent[0].prefix.valid.to_bits(), 7200);
}

/// Whether the old /64 goes before the new one comes, or after, or is
/// deprecated first: hosts have the new one before they lose the old one.
#[test]
fn a_prefix_is_deprecated_after_its_replacement_has_come() {
    let orders = [
        vec![(no_prefix(), 200), (tentative(2), 2000)],
        vec![(no_prefix(), 299)],
        vec![(tentative(2), 2000)],
        vec![(deprecated_only(on_link(1, u32::MAX, 0)), 250)],
    ];
    for order in orders {
        let mut link = Link::settled();
        for (verdict, milliseconds) in &order {
            link.becomes(verdict.clone());
            link.solicit();
            link.pass(Duration::from_millis(*milliseconds));
        }
        assert_eq!(link.take(), []);
        link.becomes(advertise(permanent(2)));
        link.pass(secs(4));
        let sent: Vec<_> = link
            .take()
            .iter()
            .map(|ra| (ra.prefix.prefix, ra.prefix.preferred > Lifetime::ZERO))
            .collect();
        assert_eq!(sent, [(prefix(2), true), (prefix(1), false)], "{order:?}");
    }
}

#[test]
fn a_replacement_that_does_not_come_is_not_waited_for_long() {
    let duplicate = || {
        let pending = vec![(prefix(2), Pending::Duplicate)];
        Verdict::WithdrawOnly(
            AdvertisingBasis { pending, ..basis() },
            Reason::PrefixDuplicate(prefix(2)),
        )
    };
    let cases = [
        (no_prefix(), REPLACEMENT_WAIT),
        (deprecated_only(on_link(1, u32::MAX, 0)), REPLACEMENT_WAIT),
        (duplicate(), REPLACEMENT_WAIT),
        (tentative(2), TENTATIVE_WAIT),
        (not_forwarding(), Duration::ZERO),
    ];
    for (verdict, wait) in cases {
        let mut link = Link::settled();
        let due = (link.now + wait).max(link.router.earliest());
        link.becomes(verdict.clone());
        link.pass(secs(4));
        assert_eq!(link.wire[0].0, due, "{verdict:?}");
    }
}

/// RFC 4862, 5.5.4: what is deprecated still serves the connections that run.
#[test]
fn the_router_stays_one_while_its_only_prefix_is_deprecated() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.take();
    link.becomes(deprecated_only(on_link(1, u32::MAX, 0)));
    link.pass(DAY);
    let sent = link.take();
    assert!(
        sent.iter()
            .all(|ra| ra.router_lifetime == 180 && ra.prefix == on_link(1, 86_400, 0)),
        "{sent:?}"
    );
    assert!((1440..4320 + 4).contains(&sent.len()), "{}", sent.len());
}

/// Zero is not a lifetime that was lengthened.
#[test]
fn an_event_makes_no_advertisement_of_an_ended_lifetime_urgent() {
    let ended = [
        deprecated_only(on_link(1, u32::MAX, 0)),
        advertise(on_link(1, 0, 0)),
    ];
    for verdict in ended {
        let mut link = Link::new(1);
        link.becomes(verdict.clone());
        link.pass(DAY);
        link.take();
        for _ in 0..100 {
            link.pass(secs(3));
            link.becomes(verdict.clone());
        }
        let sent = link.take().len();
        assert!(sent <= 300 / 20, "{verdict:?}: {sent}");
    }
}

#[test]
fn a_prefix_that_ran_out_leaves_no_default_route_behind() {
    let mut link = Link::new(1);
    link.becomes(advertise(on_link(1, 14, 8)));
    link.pass(secs(8));
    link.becomes(deprecated_only(on_link(1, 6, 0)));
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
    link.becomes(tentative(1));
    link.pass(secs(10));
    assert!(link.wire.is_empty());
    link.becomes(advertise(permanent(1)));
    assert_eq!(link.take().len(), 1);
}

/// A prefix that was removed, and is back before hosts were told so.
#[test]
fn a_removed_prefix_under_duplicate_detection_is_not_retired() {
    let mut link = Link::settled();
    link.becomes(advertise(permanent(2)));
    let back = |preferred| {
        let pending = vec![(prefix(1), Pending::Tentative)];
        advertise_on(AdvertisingBasis { pending, ..basis() }, preferred)
    };
    link.becomes(back(permanent(2)));
    link.pass(secs(10));
    // The other one is in its last second.
    link.becomes(back(on_link(2, 0, 0)));
    link.pass(secs(10));
    let sent = link.take();
    let others = sent.iter().filter(|ra| ra.prefix.prefix != prefix(2)).count();
    assert_eq!((others, sent.len() > 1), (0, true), "{sent:?}");
    // Once it is removed for good, they are told at once.
    link.becomes(back(permanent(2)));
    link.pass(secs(300));
    link.take();
    link.becomes(advertise(permanent(2)));
    link.pass(secs(7));
    let is_retired =
        |ra: &RouterAdvertisement| ra.prefix.prefix == prefix(1) && ra.prefix.preferred == Lifetime::ZERO;
    let sent = link.take();
    assert!(sent.iter().any(is_retired), "{sent:?}");
}

#[test]
fn graceful_renumbering_tells_of_both_prefixes() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    link.take();
    let deprecated = vec![on_link(1, u32::MAX, 50)];
    link.becomes(advertise_on(
        AdvertisingBasis {
            deprecated,
            ..basis()
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

/// The first word on a removed prefix does not bring a default route back.
#[test]
fn a_default_route_that_ran_out_stays_away() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.becomes(Verdict::Silent(Reason::NoCarrier));
    link.pass(secs(200));
    link.take();
    link.becomes(no_prefix());
    link.pass(DAY);
    let sent = link.take();
    assert!(
        !sent.is_empty() && sent.iter().all(|ra| ra.router_lifetime == 0),
        "{sent:?}"
    );
}

/// A deprecated prefix whose address becomes a duplicate before it was announced.
#[test]
fn what_cannot_be_announced_speeds_nothing_up() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(100));
    let deprecated = vec![on_link(1, u32::MAX, 0)];
    link.becomes(advertise_on(
        AdvertisingBasis {
            deprecated,
            ..basis()
        },
        permanent(2),
    ));
    let pending = vec![(prefix(1), Pending::Tentative)];
    link.becomes(advertise_on(
        AdvertisingBasis { pending, ..basis() },
        permanent(2),
    ));
    link.pass(secs(60));
    link.take();
    link.pass(secs(3600));
    let sent = link.take().len();
    assert!((60..=180).contains(&sent), "{sent}");
}

/// Leases of 50 s that are renewed every 25 s.
#[test]
fn a_lengthened_lifetime_is_announced_before_the_old_one_ends() {
    for seed in 0..SEEDS {
        let mut link = Link::new(seed);
        let mut held_until = link.now;
        for _ in 0..40 {
            link.becomes(advertise(on_link(1, 49, 49)));
            for second in 0..25 {
                link.verdict = advertise(on_link(1, 49 - second, 49 - second));
                link.pass(secs(1));
                for (at, tx) in link.wire.drain(..) {
                    held_until = at + secs(tx.ra.prefix.preferred.to_bits().into());
                }
                assert!(held_until > link.now, "seed {seed}: {:?}", link.now);
            }
        }
    }
}

/// Nothing announces that an address was renewed, so it is looked at in time.
#[test]
fn a_lengthened_lifetime_is_noticed_without_an_event() {
    let mut link = Link::new(1);
    link.becomes(advertise(on_link(1, 10, 10)));
    link.pass(secs(200));
    let longest = link.gaps().into_iter().max();
    assert_eq!(longest, Some(secs(6)), "4 s before the end");
}

/// A link that advertises, whose configured lifetimes are these, in seconds.
fn with_lifetimes(valid_lifetime: u64, preferred_lifetime: u64) -> Link {
    let policy = RaPolicy::new(&RaParameters {
        valid_lifetime: secs(valid_lifetime),
        preferred_lifetime: secs(preferred_lifetime),
        ..parameters()
    })
    .unwrap();
    let mut link = Link::new(1);
    link.router = Router::new(policy, SmallRng::seed_from_u64(1), &SentState::default());
    link.becomes(advertise(permanent(1)));
    link
}

#[test]
fn a_short_lifetime_that_was_configured_changes_no_interval() {
    for (valid_lifetime, preferred_lifetime) in [(86_400, 15), (86_400, 5), (15, 15), (40, 0)] {
        let mut link = with_lifetimes(valid_lifetime, preferred_lifetime);
        link.pass(secs(3600));
        let sent = link.take().len();
        assert!(
            (60..=180).contains(&sent),
            "{valid_lifetime} {preferred_lifetime}: {sent}"
        );
    }
}

#[test]
fn a_lifetime_of_one_interval_does_not_end() {
    for (valid_lifetime, preferred_lifetime) in [(60, 0), (60, 60), (86_400, 60)] {
        let mut link = with_lifetimes(valid_lifetime, preferred_lifetime);
        link.pass(DAY);
        // The margin before the end.
        let longest = link.gaps().into_iter().max();
        assert_eq!(longest, Some(secs(56)), "{valid_lifetime} {preferred_lifetime}");
    }
}

#[test]
fn the_prefix_that_never_ends_is_forgotten_last() {
    let now = Instant::from_boot(secs(9));
    let mut state = AdvertisedState::default();
    for number in 0..=u16::try_from(MAX_PREFIXES).unwrap() {
        let end = (number > 0).then(|| now + secs(u64::from(number)));
        state.put(AdvertisedPrefix::new(prefix(number), end, end));
    }
    let left: Vec<_> = state.all().map(|p| p.prefix).collect();
    assert!(
        left.contains(&prefix(0)) && !left.contains(&prefix(1)),
        "{left:?}"
    );
}

/// What an earlier process advertised is retired by its successor.
#[test]
fn a_prefix_that_went_between_two_processes_is_retired() {
    let mut first = Link::new(1);
    first.becomes(advertise(permanent(1)));
    let mut second = Link::new(2);
    let policy = RaPolicy::new(&parameters()).unwrap();
    second.router = Router::new(policy, SmallRng::seed_from_u64(2), &first.router.sent_state());
    second.now = first.now + secs(1);
    second.becomes(advertise(permanent(2)));
    second.pass(secs(10));
    let sent = second.take();
    assert_eq!(sent[0].prefix.prefix, prefix(2));
    assert_eq!(
        (sent[1].prefix.prefix, sent[1].prefix.preferred),
        (prefix(1), Lifetime::ZERO)
    );
}
