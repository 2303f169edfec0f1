//! The default route's end: at a stop, and when forwarding ends.

use super::*;

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
fn what_is_being_sent_is_handed_over_as_sent() {
    let mut link = Link::new(1);
    let tx = link.router.advance(link.now, &advertise(permanent(1))).unwrap();
    let state = link.router.sent_state_during(link.now, &tx);
    assert!(state.is_sending && state.advertised.is_router(link.now + secs(179)));
    assert!(!state.advertised.is_router(link.now + secs(180)));
    assert_eq!(state.last_ra, Some(link.now));
    assert!(state.advertised.knows(prefix(1)));
    assert_eq!(link.router.sent_state(), SentState::default());
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

    for reason in [Reason::NoCarrier, Reason::AcceptsRas(2), Reason::OtherDaemon] {
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
