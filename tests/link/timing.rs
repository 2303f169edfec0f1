//! When unsolicited advertisements are sent: what only the clock and the kernel
//! can judge. Intervals are judged in simulated time (`tests/sim`).

use std::time::Duration;

use crate::harness::{Autora, Capture, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, Ra, SOON, TAP, ms};

/// The 3 s, less the time that may pass between a send and its capture.
const AT_LEAST: Duration = ms(2980);

/// The gaps between RAs.
pub fn gaps(ras: &[Ra]) -> Vec<Duration> {
    ras.windows(2)
        .map(|pair| pair[1].at.abs_diff(pair[0].at))
        .collect()
}

pub fn assert_rate_limit(capture: &Capture) {
    let ras = capture.ras();
    for gap in gaps(&ras) {
        assert!(gap >= AT_LEAST, "{gap:?}: {ras:#?}");
    }
}

#[test]
fn first_advertisement_is_sent_at_start() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let _daemon = Autora::slow().start(&lab.router);
    // This includes the start of a process in a namespace.
    let _ = capture.ra_within(ms(1000));
}

#[test]
fn change_of_a_lifetime_is_announced_at_once() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    lab.router.run(&format!(
        "ip address change 2001:db8:1:1::1/64 dev {TAP} valid_lft 1000 preferred_lft 500"
    ));
    let ra = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
    assert!((990..=1000).contains(&ra.valid), "{ra:?}");
    assert!((490..=500).contains(&ra.preferred), "{ra:?}");
    assert_rate_limit(&capture);
}

/// The lifetimes of prefixes from DHCPv6-PD count down (RFC 9096, 3.3).
#[test]
fn lifetimes_never_exceed_those_of_the_address() {
    let lab = Lab::new();
    lab.router.run(&format!(
        "ip address change 2001:db8:1:1::1/64 dev {TAP} valid_lft 600 preferred_lft 300"
    ));
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    let first = capture.ras()[0].clone();
    assert!((595..=600).contains(&first.valid), "{first:?}");
    assert!((295..=300).contains(&first.preferred), "{first:?}");
    let second = capture.ra_within(SOON);
    assert!((2..=5).contains(&(first.valid - second.valid)), "{second:?}");
    assert!((2..=5).contains(&(first.preferred - second.preferred)));
    lab.eventually("the guest has no more than the router", SOON, |lab| {
        let lifetimes = lab.guest_address(crate::harness::lab::PREFIX);
        lifetimes.is_some_and(|(_, valid, preferred)| valid < 600 && preferred < 300)
    });
}
