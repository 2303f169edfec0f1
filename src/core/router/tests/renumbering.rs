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
        AdvertisingBasis {
            deprecated,
            ..basis()
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
    link.becomes(Verdict::WithdrawOnly(
        AdvertisingBasis { pending, ..basis() },
        reason,
    ));
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
