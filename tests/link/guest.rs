//! How a Linux guest configures itself by the advertisements.

use serde_json::Value;

use crate::harness::capture::wall_clock;
use crate::harness::lab::{GUEST_LL, PREFIX, ROUTER_LL};
use crate::harness::{Autora, GUEST, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, SOON, TAP};

/// The guest's routes to prefixes of 64 bits, without the link-local one. There
/// must be none, because the prefix is not on-link (L=0).
fn on_link_routes(lab: &Lab) -> Vec<Value> {
    let mut routes = lab.guest_routes();
    routes.retain(|route| {
        let to = route["dst"].as_str().unwrap();
        to.ends_with("/64") && !to.starts_with("fe80:")
    });
    routes
}

#[test]
fn configures_address_and_default_route_but_no_route_for_the_prefix() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let _daemon = Autora::fast().start(&lab.router);
    let ra = capture.ra_within(SOON);
    assert_eq!(ra.source, ROUTER_LL);

    lab.eventually("address and default route", SOON, |lab| {
        lab.guest_address(PREFIX).is_some() && lab.default_route().is_some()
    });
    let (address, valid, preferred) = lab.guest_address(PREFIX).unwrap();
    assert_eq!(address.segments()[4..], GUEST_LL.segments()[4..]);
    assert!((86_395..=86_400).contains(&valid), "{valid}");
    assert!((14_395..=14_400).contains(&preferred), "{preferred}");

    let route = lab.default_route().unwrap();
    assert_eq!(route["gateway"], ROUTER_LL.to_string());
    assert_eq!(route["protocol"], "ra");
    assert_eq!(route["pref"], "medium");
    let expires = route["expires"].as_u64().unwrap();
    assert!((175..=180).contains(&expires), "{expires}");

    assert_eq!(on_link_routes(&lab), Vec::<Value>::new());
    let neighbour = lab.guest.run("ip -6 route get 2001:db8:1:1::99");
    assert!(neighbour.contains(&format!("via {ROUTER_LL}")), "{neighbour}");
}

#[test]
fn receives_exactly_these_bytes() {
    let lab = Lab::new();
    let (_daemon, capture) = lab.serve(&Autora::fast());
    let mut message = capture.ras()[0].message.clone();
    // The capture's decoder has verified the checksum.
    message[2..4].fill(0);
    #[rustfmt::skip]
    let expected = [
        134, 0, 0, 0,              // type, code, checksum
        0, 0, 0x00, 0xb4,          // hop limit, flags, router lifetime 180 s
        0, 0, 0, 0,                // reachable time
        0, 0, 0, 0,                // retrans timer
        3, 4, 64, 0x40,            // prefix information, 32 bytes, /64, A without L
        0x00, 0x01, 0x51, 0x80,    // valid 86400 s
        0x00, 0x00, 0x38, 0x40,    // preferred 14400 s
        0, 0, 0, 0,
        0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 1,
        0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(message, expected);
}

#[test]
fn configured_lifetimes_reach_the_guest() {
    let lab = Lab::new();
    let autora = Autora::fast()
        .set("router-lifetime", "1h30m")
        .set("pio-valid-lifetime", "2h")
        .set("pio-preferred-lifetime", "90s");
    let (_daemon, capture) = lab.serve(&autora);
    let ra = &capture.ras()[0];
    assert_eq!((ra.router_lifetime, ra.valid, ra.preferred), (5400, 7200, 90));
    lab.eventually("the guest's lifetimes", SOON, |lab| {
        let Some((_, valid, preferred)) = lab.guest_address(PREFIX) else {
            return false;
        };
        (7195..=7200).contains(&valid) && (85..=90).contains(&preferred)
    });
}

#[test]
fn router_lifetime_zero_gives_an_address_but_no_default_route() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::fast().set("router-lifetime", "0s"));
    lab.eventually("the address", SOON, |lab| lab.guest_address(PREFIX).is_some());
    assert!(lab.default_route().is_none());
}

#[test]
fn unique_local_prefix_and_several_addresses_in_it() {
    let lab = Lab::new();
    lab.router.run(&format!(
        "ip -6 address flush dev {TAP} scope global
         ip address add fd00:1:2:3::1/64 dev {TAP} nodad
         ip address add fd00:1:2:3::2/64 dev {TAP} nodad
         ip address add 2001:db8:9::1/56 dev {TAP} nodad"
    ));
    let (_daemon, capture) = lab.serve(&Autora::fast());
    let prefix = "fd00:1:2:3::".parse().unwrap();
    assert_eq!(capture.ras()[0].prefix, prefix);
    lab.eventually("the address", SOON, |lab| lab.guest_address(prefix).is_some());
}

/// A guest's kernel sends a solicitation when its link comes up.
#[test]
fn that_boots_later_solicits_and_is_configured() {
    let lab = Lab::new();
    lab.guest.run(&format!(
        "ip link set {GUEST} down; echo -1 >/proc/sys/net/ipv6/conf/{GUEST}/router_solicitations"
    ));
    let mut daemon = Autora::slow().start(&lab.router);
    daemon.expect_log(&["carrier"], SOON);
    lab.guest.run(&format!("ip link set {GUEST} up"));
    lab.eventually("address and default route", SOON, |lab| {
        lab.guest_address(PREFIX).is_some() && lab.default_route().is_some()
    });
}

#[test]
fn that_restarts_is_served_when_its_carrier_returns() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::slow());
    lab.guest.run(&format!("ip link set {GUEST} down"));
    daemon.expect_log(&["carrier"], SOON);
    // More than 3 s after the first RA, so that the next one need not wait.
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    capture.skip();
    lab.guest.run(&format!("ip link set {GUEST} up"));
    lab.settle();
    let up = wall_clock();
    let ra = capture.ra_within(SOON);
    assert!(ra.at.saturating_sub(up) < NOISE, "{ra:?}");
}
