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
