//! The source address, by which the guest identifies the router.

use crate::harness::lab::ROUTER_LL;
use crate::harness::{Autora, Lab, SOON, TAP};

#[test]
fn stays_when_a_second_is_added_and_changes_when_it_is_removed() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    // The kernel would now choose the new one.
    lab.router
        .run(&format!("ip address add fe80::1/64 dev {TAP} nodad"));
    for _ in 0..2 {
        assert_eq!(capture.ra_within(SOON).source, ROUTER_LL);
    }
    lab.router
        .run(&format!("ip address del {ROUTER_LL}/64 dev {TAP}"));
    let moved = capture.ra_within(SOON);
    assert_eq!(moved.source.to_string(), "fe80::1");
    // It is added again: the one in use stays.
    lab.router
        .run(&format!("ip address add {ROUTER_LL}/64 dev {TAP} nodad"));
    let ra = capture.ra_within(SOON);
    assert_eq!(ra.source.to_string(), "fe80::1");
    lab.eventually("a default route by the new source", SOON, |lab| {
        let routes = lab.guest.run("ip -6 route show default");
        routes.contains("via fe80::1 ")
    });
}
