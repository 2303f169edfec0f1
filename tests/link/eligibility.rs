//! Every reason for not advertising, by its real cause.

use crate::harness::lab::PREFIX;
use crate::harness::{Autora, Daemon, GUEST, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, Rs, SOON, TAP};
use crate::harness::{Capture, ms, secs};

/// Runs `broken`; expects that the daemon logs `words` and sends nothing, even
/// when solicited. Runs `fixed`; expects an advertisement at once.
pub fn waits(broken: &str, words: &[&str], fixed: &str) -> (Lab, Daemon, Capture) {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let mut agent = lab.agent();
    lab.router.run(broken);
    let mut daemon = Autora::slow().start(&lab.router);
    daemon.expect_log(words, SOON);
    // It has never advertised, so without the reason it would answer within half
    // a second.
    let _ = lab.guest.try_run(&format!("ip link set {GUEST} up"));
    agent.send(&Rs::default());
    capture.assert_silent_for(ms(800));
    assert_eq!(daemon.log_count(words), 1, "said once:\n{}", daemon.text());

    lab.router.run(fixed);
    lab.settle();
    let ra = capture.ra_within(NOISE);
    assert_eq!(ra.prefix, PREFIX);
    (lab, daemon, capture)
}

pub fn sysctl(name: &str, value: u32) -> String {
    format!("echo {value} >/proc/sys/net/ipv6/conf/{TAP}/{name}")
}

fn address(action: &str, rest: &str) -> String {
    format!("ip address {action} {rest}")
}

fn on_tap(action: &str, what: &str) -> String {
    address(action, &format!("{what} dev {TAP}"))
}

const OWN: &str = "2001:db8:1:1::1/64";

#[test]
fn forwarding_is_0() {
    let command = format!("sysctl -w net.ipv6.conf.{TAP}.forwarding=1");
    waits(
        &sysctl("forwarding", 0),
        &["forwarding is 0", &command],
        &sysctl("forwarding", 1),
    );
}

#[test]
fn interface_is_down() {
    waits(
        &format!("ip link set {TAP} down"),
        &["down"],
        &format!("{}; ip link set {TAP} up", on_tap("add", &format!("{OWN} nodad"))),
    );
}

#[test]
fn no_carrier() {
    let lab = Lab::new();
    lab.guest.run(&format!("ip link set {GUEST} down"));
    let mut daemon = Autora::slow().start(&lab.router);
    daemon.expect_log(&["carrier"], SOON);
    // A capture on a link that is down receives nothing, so it starts with the fix.
    let mut capture = lab.capture();
    capture.assert_silent_for(ms(500));
    lab.guest.run(&format!("ip link set {GUEST} up"));
    lab.settle();
    let _ = capture.ra_within(NOISE);
}

#[test]
fn not_multicast() {
    waits(
        &format!("ip link set {TAP} multicast off"),
        &["multicast"],
        &format!("ip link set {TAP} multicast on"),
    );
}

#[test]
fn ipv6_is_disabled() {
    let fixed = format!(
        "{}; {}",
        sysctl("disable_ipv6", 0),
        on_tap("add", &format!("{OWN} nodad"))
    );
    waits(&sysctl("disable_ipv6", 1), &["disable_ipv6"], &fixed);
}

/// As `NetworkManager` does it, step by step.
#[test]
fn the_route_to_the_prefix_comes_after_the_address() {
    let broken = format!(
        "{}; {}",
        on_tap("del", OWN),
        on_tap("add", &format!("{OWN} noprefixroute nodad"))
    );
    let (lab, mut daemon, mut capture) = waits(
        &broken,
        &["noprefixroute and no route to 2001:db8:1:1::/64"],
        &format!("ip -6 route add 2001:db8:1:1::/64 dev {TAP} metric 100"),
    );
    // The route is looked for each time, and a wider one does too.
    lab.router
        .run(&format!("ip -6 route del 2001:db8:1:1::/64 dev {TAP}"));
    daemon.expect_log(&["no route to 2001:db8:1:1::/64"], SOON);
    capture.skip();
    lab.router
        .run(&format!("ip -6 route add 2001:db8:1::/48 dev {TAP}"));
    daemon.expect_log(&["advertising"], secs(6));
}

/// IPv6 needs 1280 bytes: the kernel stops it on such an interface.
#[test]
fn mtu_is_too_small_for_ipv6() {
    let fixed = format!(
        "ip link set {TAP} mtu 1500; {}; {}",
        sysctl("forwarding", 1),
        on_tap("add", &format!("{OWN} nodad"))
    );
    let lab = Lab::new();
    let mut capture = lab.capture();
    lab.router.run(&format!("ip link set {TAP} mtu 1200"));
    let mut daemon = Autora::slow().start(&lab.router);
    daemon.expect_log(&["not advertising"], SOON);
    capture.assert_silent_for(ms(800));
    lab.router.run(&fixed);
    // Its counters did not exist when it started, and it can open nothing now.
    daemon.expect_log(&["IPv6 was started anew"], SOON);
    assert_eq!(daemon.exit_within(SOON), 75);
    let _next = Autora::slow().start(&lab.router);
    lab.settle();
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);
}

#[test]
fn ipv6_ends_and_starts_again() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::slow());
    lab.router
        .run(&format!("ip link set {TAP} mtu 1200; ip link set {TAP} mtu 1500"));
    assert_eq!(daemon.exit_within(SOON), 75);
    lab.router.run(&format!(
        "{}; {}",
        sysctl("forwarding", 1),
        on_tap("add", &format!("{OWN} nodad"))
    ));
    let _next = Autora::slow().start(&lab.router);
    assert_eq!(capture.ra_within(MIN_DELAY_BETWEEN_RAS + SOON).prefix, PREFIX);
}

#[test]
fn no_link_local_address() {
    let broken = format!("ip -6 address flush dev {TAP} scope link");
    waits(&broken, &["link-local"], &on_tap("add", "fe80::5/64 nodad"));
}

/// Makes duplicate address detection last until the test ends it.
fn endless_dad() -> String {
    format!("{}; {}", sysctl("accept_dad", 1), sysctl("dad_transmits", 100))
}

#[test]
fn link_local_address_is_tentative() {
    let broken = format!(
        "ip -6 address flush dev {TAP} scope link; {}; {}",
        endless_dad(),
        on_tap("add", "fe80::5/64")
    );
    let fixed = format!(
        "{}; {}",
        on_tap("del", "fe80::5/64"),
        on_tap("add", "fe80::6/64 nodad")
    );
    waits(&broken, &["link-local", "tentative"], &fixed);
}

#[test]
fn link_local_address_is_a_duplicate() {
    let lab = Lab::new();
    lab.guest
        .run(&format!("ip address add fe80::5/64 dev {GUEST} nodad"));
    lab.router.run(&format!(
        "ip -6 address flush dev {TAP} scope link; {}; {}",
        sysctl("accept_dad", 1),
        on_tap("add", "fe80::5/64")
    ));
    lab.eventually("dadfailed", SOON, |lab| {
        lab.router
            .run(&format!("ip -6 address show dev {TAP}"))
            .contains("dadfailed")
    });
    let mut capture = lab.capture();
    let mut daemon = Autora::slow().start(&lab.router);
    daemon.expect_log(&["link-local"], SOON);
    capture.assert_silent_for(ms(500));
    lab.router.run(&on_tap("add", "fe80::6/64 nodad"));
    assert_eq!(capture.ra_within(SOON).source.to_string(), "fe80::6");
}

/// What autora prints ends it, although any further address would be a duplicate, too.
#[test]
fn guest_claims_every_address() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    agent.defend_every_address();
    let mut capture = lab.capture();
    lab.router.run(&format!(
        "ip -6 address flush dev {TAP}; {}; {}; {}",
        sysctl("accept_dad", 1),
        on_tap("add", "fe80::1/64"),
        on_tap("add", OWN)
    ));
    let failed = |lab: &Lab| lab.router.run(&format!("ip -6 address show dev {TAP} dadfailed"));
    lab.eventually("two duplicates", SOON, |lab| {
        failed(lab).matches("inet6").count() == 2
    });
    let mut daemon = Autora::slow().start(&lab.router);
    let who = "another node on the link answered for it (journalctl -k -g 'duplicate address' names its MAC address)";
    let advised = |line: &str| line.rsplit_once(who).unwrap().1[2..].replace("ADDRESS", "2001:db8:1:1::1");
    for what in [
        "its link-local address fe80::1 is a duplicate",
        "the address in 2001:db8:1:1::/64",
    ] {
        let line = daemon.expect_log(&[what, who], SOON);
        capture.assert_silent_for(ms(300));
        lab.router.run(&advised(&line));
    }
    assert_eq!(capture.ra_within(SOON).source.to_string(), "fe80::2");
}

#[test]
fn no_prefix_of_64_bits() {
    let broken = format!(
        "{}; {}; {}",
        on_tap("del", OWN),
        on_tap("add", "2001:db8:9::1/48 nodad"),
        on_tap("add", "2001:db8:8::1/128 nodad")
    );
    waits(&broken, &["/64"], &on_tap("add", &format!("{OWN} nodad")));
}

#[test]
fn two_prefixes_of_64_bits() {
    waits(
        &on_tap("add", "2001:db8:2:2::1/64 nodad"),
        &["2001:db8:1:1::/64", "2001:db8:2:2::/64"],
        &on_tap("del", "2001:db8:2:2::1/64"),
    );
}

#[test]
fn only_prefix_is_tentative() {
    let broken = format!(
        "{}; {}; {}",
        on_tap("del", OWN),
        endless_dad(),
        on_tap("add", OWN)
    );
    let fixed = format!(
        "{}; {}",
        on_tap("del", OWN),
        on_tap("add", "2001:db8:1:1::2/64 nodad")
    );
    waits(&broken, &["tentative"], &fixed);
}

#[test]
fn loopback() {
    let lab = Lab::new();
    lab.router.run("ip address add 2001:db8:5:5::1/64 dev lo");
    let autora = Autora::slow()
        .set("interface", "lo")
        .set("interface-regex", "^lo$");
    let mut daemon = autora.start(&lab.router);
    daemon.expect_log(&["loopback"], SOON);
    assert!(daemon.is_running());
}

/// With frequent resyncs, since the kernel sends no event when `accept_ra` changes.
pub fn resyncing() -> Autora {
    Autora::slow().set("forwarding-resync-interval", "1s")
}

/// Each change is logged exactly once.
#[test]
fn reasons_follow_each_other_in_the_log() {
    let lab = Lab::new();
    let (mut daemon, _capture) = lab.serve(&resyncing());
    for _ in 0..2 {
        lab.router.run(&sysctl("accept_ra", 2));
        daemon.expect_log(&["accept_ra is 2"], SOON);
        lab.router.run(&sysctl("accept_ra", 0));
        daemon.expect_log(&["advertising 2001:db8:1:1::/64 from"], SOON);
    }
    lab.router.run(&sysctl("forwarding", 0));
    daemon.expect_log(&["forwarding is 0"], SOON);
    // Events that do not change the reason, and some resyncs.
    lab.router.run(&on_tap("add", "2001:db8:1:1::9/64 nodad"));
    std::thread::sleep(secs(2));
    assert_eq!(daemon.log_count(&["accept_ra is 2"]), 2, "{}", daemon.text());
    assert_eq!(daemon.log_count(&["forwarding is 0"]), 1, "{}", daemon.text());
}

/// Neither the record with all names nor the addresses fit in the initial buffer.
#[test]
fn many_names_and_addresses_are_read_whole() {
    let lab = Lab::new();
    lab.router.run(&format!(
        "for n in $(seq 60); do
             ip link property add dev {TAP} altname $(printf '%0100d' $n)
             ip address add 10::$n/128 dev {TAP} nodad
         done"
    ));
    let (mut daemon, _capture) = lab.serve(&Autora::slow());
    // The last address is in a later part of the answer than the first.
    lab.router.run(&on_tap("add", "2001:db8:1:2::1/64 nodad"));
    daemon.expect_log(&["2 usable /64 prefixes"], SOON);
}

#[test]
fn many_routes_and_rules_of_the_host_do_not_matter() {
    let lab = Lab::new();
    lab.router.run(
        "for n in $(seq 200); do
             ip route add 2001:db8:f:$n::/64 dev lo
             ip -6 rule add from 2001:db8:f:$n::/64 table main
         done",
    );
    let (_daemon, _capture) = lab.serve(&Autora::slow());
}

/// A bridge takes what arrives on its ports: nobody would answer there.
#[test]
fn it_is_a_port_of_a_bridge() {
    waits(
        &format!("ip link add br0 type bridge; ip link set br0 up; ip link set {TAP} master br0"),
        &["a port of the interface", &format!("ip link set {TAP} nomaster")],
        &format!("ip link set {TAP} nomaster"),
    );
}

#[test]
fn it_becomes_a_port_of_a_bridge() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(&format!(
        "ip link add br0 type bridge; ip link set {TAP} master br0"
    ));
    daemon.expect_log(&["a port of the interface"], NOISE);
    capture.skip();
    capture.assert_silent_for(secs(5));
    assert!(!finds_its_router(&lab));
    lab.router.run(&format!("ip link set {TAP} nomaster"));
    let _ = capture.ra_within(SOON);
}

/// Asking anew, as after its entry for the router went stale.
fn finds_its_router(lab: &Lab) -> bool {
    let script = format!("ip -6 neighbour flush dev {GUEST}; ping -6 -c 1 -W 1 -I {GUEST} fe80::ff:fe00:1");
    lab.guest.try_run(&script).status.success()
}

/// The guest would ask in vain for its router's link-layer address.
#[test]
fn no_neighbour_discovery() {
    let lab = Lab::new();
    assert!(finds_its_router(&lab));
    lab.router.run(&format!("ip link set {TAP} arp off"));
    assert!(!finds_its_router(&lab));
    waits(
        &format!("ip link set {TAP} arp off"),
        &["neighbour discovery", &format!("ip link set {TAP} arp on")],
        &format!("ip link set {TAP} arp on"),
    );
}

/// Guests know their router by this address too.
#[test]
fn link_layer_address_that_changes_is_announced_at_once() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    capture.skip();
    lab.router
        .run(&format!("ip link set {TAP} address 02:00:00:00:00:09"));
    let _ = capture.ra_within(NOISE);
    let frames = capture.frames();
    let last = frames.iter().rfind(|frame| frame.is_ra()).unwrap();
    assert_eq!(last.bytes[6..12], [2, 0, 0, 0, 0, 9]);
}

/// It advertises, as its own setting says, and tells that nothing is forwarded.
#[test]
fn host_that_does_not_forward_is_reported() {
    let lab = Lab::new();
    let forwards = |value| {
        format!(
            "echo {value} >/proc/sys/net/ipv6/conf/all/forwarding; {}",
            sysctl("forwarding", 1)
        )
    };
    lab.router.run(&forwards(0));
    let (mut daemon, _capture) = lab.serve(&resyncing());
    let words = [
        "advertising 2001:db8:1:1::/64",
        "all.forwarding is 0",
        "autora check tap-vm-1",
    ];
    daemon.expect_log(&words, SOON);
    let reason = |lab: &Lab| crate::status::instance(lab)["reason"].clone();
    lab.eventually("its state", SOON, |lab| reason(lab) == "host-not-forwarding");
    lab.router.run(&forwards(1));
    lab.eventually("its state", SOON, |lab| reason(lab).is_null());
    assert_eq!(daemon.log_count(&words), 1, "{}", daemon.text());
}
