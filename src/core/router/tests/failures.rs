//! Sends that fail.

use super::*;

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
    link.broken = false;
    link.pass(secs(60));
    assert!(!link.wire.is_empty());
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
fn an_interface_that_waits_has_nothing_due() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.becomes(Verdict::Silent(Reason::NoCarrier));
    link.pass(DAY);
    assert_eq!(link.router.deadline(), None);
}

/// SIGTERM, the end of forwarding and new carrier wait for the 3 s alone.
#[test]
fn what_changes_does_not_wait_for_the_back_off() {
    type Change = fn(&mut Link);
    let changes: [(Change, u16); 3] = [
        (Link::stop, 0),
        (|link| link.becomes(not_forwarding()), 0),
        (
            |link| {
                let carrier_ups = 2;
                link.becomes(advertise_on(
                    AdvertisingBasis {
                        carrier_ups,
                        ..basis()
                    },
                    permanent(1),
                ));
            },
            180,
        ),
    ];
    for (change, router_lifetime) in changes {
        let mut link = Link::new(1);
        link.becomes(advertise(permanent(1)));
        link.broken = true;
        link.pass(secs(130));
        assert!(link.attempts.len() > 3);
        link.broken = false;
        link.take();
        change(&mut link);
        link.pass(secs(1));
        let sent = link.take();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].router_lifetime, router_lifetime);
    }
}

#[test]
fn the_last_word_is_tried_again() {
    let mut link = Link::new(1);
    link.becomes(advertise(permanent(1)));
    link.pass(secs(10));
    link.take();
    link.broken = true;
    link.stop();
    link.broken = false;
    link.pass(secs(1));
    assert_eq!(link.take().len(), 1);
    assert!(link.router.is_stopped());
}
