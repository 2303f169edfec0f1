//! What is withdrawn, and what is not.

use nix::sys::signal::Signal;

use crate::harness::lab::{OTHER_PREFIX, PREFIX, ROUTER_LL};
use crate::harness::{Autora, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, SOON, TAP, ms, secs};
use crate::timing::assert_rate_limit;

#[test]
fn sigterm_withdraws_the_default_route_three_seconds_after_the_last() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("default route", SOON, |lab| lab.default_route().is_some());
    daemon.signal(Signal::SIGTERM);
    let last = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
    assert_eq!(last.router_lifetime, 0);
    assert_eq!(last.source, ROUTER_LL);
    assert_eq!(daemon.exit_within(SOON), 0);
    lab.eventually("no default route", SOON, |lab| lab.default_route().is_none());
    assert!(lab.guest_address(PREFIX).is_some());
    assert_rate_limit(&capture);
    assert_eq!(capture.ras().len(), 2, "one final RA");
}

#[test]
fn sigint_withdraws_too_and_at_once_when_three_seconds_have_passed() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    daemon.signal(Signal::SIGINT);
    assert_eq!(capture.ra_within(NOISE).router_lifetime, 0);
    assert_eq!(daemon.exit_within(SOON), 0);
}

#[test]
fn stop_before_the_first_advertisement_sends_nothing() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    lab.router
        .run(&format!("echo 0 >/proc/sys/net/ipv6/conf/{TAP}/forwarding"));
    let mut daemon = Autora::fast().start(&lab.router);
    daemon.expect_log(&["forwarding is 0"], SOON);
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.exit_within(SOON), 0);
    capture.assert_silent_for(ms(300));
}

#[test]
fn sighup_exits_without_withdrawing_the_default_route() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("default route", SOON, |lab| lab.default_route().is_some());
    daemon.signal(Signal::SIGHUP);
    // systemd starts it again.
    assert_eq!(daemon.exit_within(ms(500)), 75);
    capture.assert_silent_for(MIN_DELAY_BETWEEN_RAS + NOISE);
    assert!(lab.default_route().is_some());
}

/// Required by RFC 4861, 6.2.5.
#[test]
fn forwarding_turned_off_withdraws_and_turned_on_advertises_again() {
    let lab = Lab::new();
    let forwarding = format!("/proc/sys/net/ipv6/conf/{TAP}/forwarding");
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(&format!("echo 0 >{forwarding}"));
    assert_eq!(capture.ra_within(SOON).router_lifetime, 0);
    let sysctl = format!("net.ipv6.conf.{TAP}.forwarding=1");
    daemon.expect_log(&["forwarding is 0", &sysctl], SOON);
    lab.eventually("no default route", SOON, |lab| lab.default_route().is_none());
    // At most three (RFC 4861, 6.2.5), and then nothing.
    let mut finals = 1;
    while let Some(ra) = capture.try_ra_within(secs(5)) {
        assert_eq!(ra.router_lifetime, 0, "{ra:?}");
        finals += 1;
        assert!(finals <= 3, "{:#?}", capture.ras());
    }

    lab.router.run(&format!("echo 1 >{forwarding}"));
    assert_eq!(capture.ra_within(NOISE).router_lifetime, 180);
    lab.eventually("default route", SOON, |lab| lab.default_route().is_some());
    assert_rate_limit(&capture);
}

#[test]
fn renumbering_without_notice_deprecates_the_old_prefix_beside_the_new_one() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("the old address", SOON, |lab| lab.guest_address(PREFIX).is_some());
    lab.router.run(&format!(
        "ip address del 2001:db8:1:1::1/64 dev {TAP}
         ip address add 2001:db8:2:2::1/64 dev {TAP} nodad"
    ));
    let mut prefixes = Vec::new();
    for _ in 0..4 {
        let ra = capture.ra_within(SOON);
        prefixes.push(ra.prefix);
        assert_eq!(ra.router_lifetime, 180, "{ra:?}");
        if ra.prefix == PREFIX {
            assert_eq!(ra.preferred, 0, "{ra:?}");
            assert!(ra.valid <= 7200, "{ra:?}");
        } else {
            assert_eq!(ra.prefix, OTHER_PREFIX);
            assert_eq!((ra.valid, ra.preferred), (86_400, 14_400));
        }
    }
    assert!(prefixes.windows(2).all(|pair| pair[0] != pair[1]), "{prefixes:?}");
    assert_rate_limit(&capture);

    let (_, valid, preferred) = lab.guest_address(PREFIX).unwrap();
    assert_eq!(preferred, 0);
    assert!(valid <= 7200, "{valid}");
    let (_, _, preferred) = lab.guest_address(OTHER_PREFIX).unwrap();
    assert!(preferred > 14_000, "{preferred}");
}

#[test]
fn removed_prefix_is_deprecated_and_then_nothing_is_sent() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("the address", SOON, |lab| lab.guest_address(PREFIX).is_some());
    lab.router
        .run(&format!("ip address del 2001:db8:1:1::1/64 dev {TAP}"));
    let ra = capture.ra_within(SOON);
    assert_eq!((ra.prefix, ra.preferred), (PREFIX, 0));
    assert!(ra.valid <= 7200, "{ra:?}");
    daemon.expect_log(&["/64"], SOON);
    lab.eventually("a deprecated address", SOON, |lab| {
        lab.guest_address(PREFIX)
            .is_some_and(|(_, valid, preferred)| preferred == 0 && valid <= 7200)
    });
}

/// In both orders, and with Duplicate Address Detection for the new prefix.
#[test]
fn the_old_prefix_is_deprecated_after_the_new_one_was_advertised() {
    let add = "ip address add 2001:db8:2:2::1/64";
    let del = "ip address del 2001:db8:1:1::1/64";
    for [first, second] in [[add, del], [del, add]] {
        let lab = Lab::new();
        lab.router.run(&format!(
            "cd /proc/sys/net/ipv6/conf; echo 1 | tee all/accept_dad {TAP}/accept_dad"
        ));
        let (_daemon, mut capture) = lab.serve(&Autora::slow());
        // From now on the first one may leave at once.
        capture.assert_silent_for(MIN_DELAY_BETWEEN_RAS);
        lab.router.run(&format!("{first} dev {TAP}; {second} dev {TAP}"));
        let [new, old] = [capture.ra_within(SOON), capture.ra_within(SOON)];
        assert_eq!(new.prefix, OTHER_PREFIX, "{first}: {new:?}");
        assert!(new.preferred > 0, "{first}: {new:?}");
        assert_eq!((old.prefix, old.preferred), (PREFIX, 0), "{first}: {old:?}");
    }
}

/// RFC 4192: both prefixes together, the old one deprecated.
#[test]
fn graceful_renumbering_loses_nothing() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("the old address", SOON, |lab| lab.guest_address(PREFIX).is_some());
    lab.router.run(&format!(
        "ip address change 2001:db8:1:1::1/64 dev {TAP} valid_lft 50000 preferred_lft 0
         ip address add 2001:db8:2:2::1/64 dev {TAP} nodad"
    ));
    let mut prefixes = Vec::new();
    for _ in 0..4 {
        let ra = capture.ra_within(SOON);
        prefixes.push(ra.prefix);
        assert_eq!(ra.router_lifetime, 180, "{ra:?}");
        if ra.prefix == PREFIX {
            assert_eq!(ra.preferred, 0, "{ra:?}");
            assert!((49_900..=50_000).contains(&ra.valid), "{ra:?}");
        } else {
            assert_eq!(ra.prefix, OTHER_PREFIX);
            assert_eq!((ra.valid, ra.preferred), (86_400, 14_400));
        }
    }
    assert!(
        prefixes.contains(&PREFIX) && prefixes.contains(&OTHER_PREFIX),
        "{prefixes:?}"
    );
    let (_, valid, preferred) = lab.guest_address(PREFIX).unwrap();
    assert_eq!(preferred, 0);
    assert!(valid > 49_000, "{valid}");
    assert!(lab.guest_address(OTHER_PREFIX).unwrap().2 > 14_000);
}

/// Connections from a deprecated address continue (RFC 4862, 5.5.4) and need the default route.
#[test]
fn deprecated_prefix_keeps_the_default_route() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("the address", SOON, |lab| lab.guest_address(PREFIX).is_some());
    lab.router.run(&format!(
        "ip address change 2001:db8:1:1::1/64 dev {TAP} preferred_lft 0"
    ));
    for _ in 0..4 {
        let ra = capture.ra_within(SOON);
        assert_eq!(
            (ra.prefix, ra.preferred, ra.router_lifetime),
            (PREFIX, 0, 180),
            "{ra:?}"
        );
    }
    assert_eq!(lab.guest_address(PREFIX).unwrap().2, 0);
    assert!(lab.default_route().is_some());
}
