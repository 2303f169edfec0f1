//! Uplinks of this host, and interfaces that another daemon serves.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::eligibility::{resyncing, sysctl, waits};
use crate::harness::capture::{Frame, wall_clock};
use crate::harness::lab::{GUEST_LL, PREFIX, scratch};
use crate::harness::{Autora, GUEST, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, Ra, Rs, SOON, TAP, ms, secs};
use crate::status::instance;

/// Another interface, which may have a default route.
const UP0: &str = "ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up";

#[test]
fn interface_accepts_advertisements_itself() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let mut agent = lab.agent();
    lab.router.run(&sysctl("accept_ra", 2));
    let mut daemon = resyncing().start(&lab.router);
    let words = ["accept_ra is 2", "net/ipv6/conf/INTERFACE/accept_ra=0"];
    daemon.expect_log(&words, SOON);
    agent.send(&Rs::default());
    capture.assert_silent_for(ms(1500));
    assert_eq!(daemon.log_count(&words), 1, "logged once:\n{}", daemon.text());
    lab.router.run(&sysctl("accept_ra", 1));
    let _ = capture.ra_within(secs(1) + NOISE);
}

#[test]
fn default_route_goes_out_of_it() {
    let route = format!("default via {GUEST_LL} dev {TAP}");
    waits(
        &format!("ip -6 route add {route}"),
        &["default route"],
        &format!("ip -6 route del {route}"),
    );
}

/// A manager that makes an uplink of the interface adds the address first: in between it looks like a guest's link.
#[test]
fn an_uplink_is_none_for_the_moment_before_its_routes() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let own = format!("2001:db8:1:1::1/64 dev {TAP}");
    lab.router.run(&format!(
        "ip address del {own}; ip address add {own} valid_lft 600 preferred_lft 300 noprefixroute nodad"
    ));
    let mut daemon = Autora::fast().start(&lab.router);
    daemon.expect_log(&["waiting for whoever added it to add the route"], SOON);
    lab.router.run(&format!(
        "ip -6 route add 2001:db8:1:1::/64 dev {TAP} proto ra metric 100"
    ));
    daemon.expect_log(&["comes from a Router Advertisement"], SOON);
    capture.assert_silent_for(ms(500));
}

#[test]
fn default_route_in_another_table_goes_out_of_it() {
    let route = format!("default via {GUEST_LL} dev {TAP} table 100");
    waits(
        &format!("ip -6 route add {route}; ip -6 rule add pref 100 lookup 100"),
        &["default route"],
        &format!("ip -6 route del {route}"),
    );
}

#[test]
fn one_of_several_next_hops_of_the_default_route_goes_out_of_it() {
    let hops = format!("nexthop via fe80::9 dev up0 nexthop via {GUEST_LL} dev {TAP}");
    waits(
        &format!("{UP0}; ip -6 route add default {hops}"),
        &["default route"],
        "ip -6 route flush default",
    );
}

#[test]
fn next_hop_object_of_the_default_route_goes_out_of_it() {
    waits(
        &format!("ip nexthop add id 7 via {GUEST_LL} dev {TAP}; ip -6 route add default nhid 7"),
        &["default route"],
        "ip -6 route del default nhid 7",
    );
}

/// No rule leads to the table yet: that may follow without an event.
#[test]
fn default_route_in_a_table_of_no_rule_goes_out_of_it() {
    let route = format!("default via {GUEST_LL} dev {TAP} table 100");
    waits(
        &format!("ip -6 route add {route}"),
        &["default table 100"],
        &format!("ip -6 route del {route}"),
    );
}

#[test]
fn global_unicast_as_a_whole_goes_out_of_it() {
    let route = format!("2000::/3 via {GUEST_LL} dev {TAP}");
    waits(
        &format!("ip -6 route add {route}"),
        &["2000::/3"],
        &format!("ip -6 route del {route}"),
    );
}

#[test]
fn half_of_all_addresses_goes_out_of_it() {
    let (low, high) = (format!("::/1 dev {TAP}"), "8000::/1 dev up0");
    waits(
        &format!("{UP0}; ip -6 route add {low}; ip -6 route add {high}"),
        &["::/1"],
        &format!("ip -6 route del {low}"),
    );
}

/// Without `RTA_OIF`, only a number stands in the route.
#[test]
fn next_hop_object_that_shows_no_interface() {
    waits(
        &format!(
            "echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode
             ip nexthop add id 7 via {GUEST_LL} dev {TAP}; ip -6 route add default nhid 7"
        ),
        &["default table main"],
        "ip -6 route del default nhid 7",
    );
}

/// Serves, sees the change make it an uplink and fall silent, and the other
/// change end that. The longest it may be silent is what an unnoticed change takes.
fn becomes_uplink_and_ends(before: &str, becomes: &str, ends: &str) {
    let lab = Lab::new();
    lab.router.run(&format!("{UP0}; {before}"));
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(becomes);
    daemon.expect_log(&["so it is an uplink of this host"], ms(500));
    capture.assert_silent_for(secs(5));
    lab.router.run(ends);
    let _ = capture.ra_within(secs(5) + MIN_DELAY_BETWEEN_RAS + NOISE);
}

#[test]
fn next_hop_object_is_moved_to_it() {
    for compat_mode in [0, 1] {
        becomes_uplink_and_ends(
            &format!(
                "echo {compat_mode} >/proc/sys/net/ipv4/nexthop_compat_mode
                 ip nexthop add id 7 via fe80::9 dev up0; ip -6 route add default nhid 7"
            ),
            &format!("ip nexthop replace id 7 via {GUEST_LL} dev {TAP}"),
            "ip nexthop replace id 7 via fe80::9 dev up0",
        );
    }
}

#[test]
fn group_of_next_hops_takes_it_in() {
    becomes_uplink_and_ends(
        &format!(
            "echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode
             ip nexthop add id 7 via fe80::9 dev up0; ip nexthop add id 8 via {GUEST_LL} dev {TAP}
             ip nexthop add id 10 group 7; ip -6 route add default nhid 10"
        ),
        "ip nexthop replace id 10 group 7/8",
        "ip nexthop replace id 10 group 7",
    );
}

/// The event of such a change carries the other interface.
#[test]
fn default_route_is_replaced_by_one_elsewhere() {
    becomes_uplink_and_ends(
        "",
        &format!("ip -6 route add default via {GUEST_LL} dev {TAP}"),
        "ip -6 route replace default via fe80::9 dev up0",
    );
}

/// Before it forwards, the router's kernel makes an address of an advertisement
/// that comes from the guest's end. Then it forwards.
fn learns_an_address_and_forwards(lab: &Lab) {
    lab.router
        .run(&[sysctl("forwarding", 0), sysctl("accept_ra", 1)].join("; "));
    lab.guest.run(&format!(
        "echo 1 >/proc/sys/net/ipv6/conf/{GUEST}/forwarding
         ip address add 2001:db8:78::1/64 dev {GUEST} nodad"
    ));
    let advertiser = Autora::fast()
        .set("interface", GUEST)
        .set("interface-regex", ".*")
        .start(&lab.guest);
    lab.eventually("an address by an advertisement", SOON, |lab| {
        let routes = lab.router.run("ip -6 address; ip -6 route show default");
        routes.contains("inet6 2001:db8:78:") && routes.contains("proto ra")
    });
    advertiser.signal(Signal::SIGKILL);
    lab.router.run(&sysctl("forwarding", 1));
    assert_eq!(lab.router.run("ip -6 route show default"), "");
}

/// A host that lives on its provider's advertisements, and something turns
/// forwarding on: the kernel drops the default route and keeps the address.
#[test]
fn address_from_an_advertisement_of_another_router() {
    let lab = Lab::new();
    lab.router
        .run(&format!("ip address del 2001:db8:1:1::1/64 dev {TAP}"));
    learns_an_address_and_forwards(&lab);
    let mut capture = lab.capture();
    let mut daemon = Autora::fast().start(&lab.router);
    daemon.expect_log(&["2001:db8:78::ff:fe00:1", "Router Advertisement"], SOON);
    capture.assert_silent_for(secs(6));
}

/// What the guest made is neither served nor in the way of the operator's /64:
/// what is printed removes it, and nothing else.
#[test]
fn address_from_an_advertisement_of_the_guest() {
    let lab = Lab::new();
    learns_an_address_and_forwards(&lab);
    let mut capture = lab.capture();
    let mut daemon = Autora::fast().start(&lab.router);
    let line = daemon.expect_log(&["2001:db8:78::ff:fe00:1", "on a guest's link, "], SOON);
    let (_, command) = line.split_once("on a guest's link, ").unwrap();
    lab.router.run(&command.replace("INTERFACE", TAP));
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);
    let _ = capture.ra_within(SOON);
    let foreign = |ra: &Ra| ra.prefix != PREFIX;
    assert!(!capture.ras().iter().any(foreign), "{:#?}", capture.ras());
}

/// As systemd-networkd 252 and dhcpcd 9.4 write them, who tell the kernel not
/// where they have them from.
#[test]
fn address_from_an_advertisement_that_a_program_read() {
    let address = format!("2001:db8:78::5/64 dev {TAP}");
    waits(
        &format!("ip address add {address} nodad mngtmpaddr noprefixroute valid_lft 3600 preferred_lft 1800"),
        &["2001:db8:78::5", "Router Advertisement"],
        &format!("ip address del {address}"),
    );
}

/// As `NetworkManager` leaves it, whose addresses carry no mark.
#[test]
fn prefix_from_an_advertisement_that_a_program_read() {
    let route = format!("2001:db8:78::/64 dev {TAP} proto ra");
    waits(
        &format!("ip -6 route add {route}"),
        &["2001:db8:78::/64", "Router Advertisement"],
        &format!("ip -6 route del {route}"),
    );
}

/// As dhcpcd and systemd-networkd hand out what was delegated to them, and an operator may.
#[test]
fn addresses_with_lifetimes_are_no_obstacle() {
    let route = format!("; ip -6 route add 2001:db8:1:1::/64 dev {TAP} proto dhcp");
    for (flags, route) in [("", ""), ("mngtmpaddr", ""), ("noprefixroute", route.as_str())] {
        let lab = Lab::new();
        lab.router.run(&format!(
            "ip address del 2001:db8:1:1::1/64 dev {TAP}
             ip address add 2001:db8:1:1::1/64 dev {TAP} nodad {flags} valid_lft 3600 preferred_lft 1800{route}"
        ));
        let _ = lab.serve(&Autora::slow());
    }
}

#[test]
fn default_route_out_of_another_interface_does_not_matter() {
    let lab = Lab::new();
    lab.router.run(&format!(
        "{UP0}
         ip -6 route add default via fe80::9 dev up0
         ip -6 route add default from 2001:db8:1::/48 via fe80::9 dev up0
         ip -6 route add default via fe80::9 dev up0 table 100
         ip -6 rule add pref 100 lookup 100
         ip -6 route add unreachable default metric 4096
         ip -6 route add 2000::/3 via fe80::9 dev up0
         ip nexthop add id 7 via fe80::9 dev up0
         ip -6 route add default nhid 7 table 101
         ip -6 route add local default dev {TAP} table 102
         ip -6 route add 2001:db8:77::/48 via {GUEST_LL} dev {TAP}"
    ));
    let _ = lab.serve(&Autora::slow());
}

#[test]
fn default_route_added_and_removed_while_it_advertises() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.eventually("default route", SOON, |lab| lab.default_route().is_some());
    lab.router
        .run(&format!("ip -6 route add default via {GUEST_LL} dev {TAP}"));
    // Checked before each send. On an uplink nothing is sent, not even a withdrawal.
    daemon.expect_log(&["default route"], secs(5));
    capture.assert_silent_for(secs(5));
    assert!(lab.default_route().is_some());
    lab.router
        .run(&format!("ip -6 route del default via {GUEST_LL} dev {TAP}"));
    let ra = capture.ra_within(secs(5));
    assert_eq!(ra.router_lifetime, 180);
}

/// It is one of several default routes, and not the preferred one.
#[test]
fn worse_default_route_beside_another_goes_out_of_it() {
    let route = format!("default via {GUEST_LL} dev {TAP} metric 4000");
    waits(
        &format!("{UP0}; ip -6 route add default via fe80::9 dev up0; ip -6 route add {route}"),
        &["default route"],
        &format!("ip -6 route del {route}"),
    );
}

/// Routes of this kind are used for multihoming.
#[test]
fn default_route_for_one_source_goes_out_of_it() {
    let route = format!("default from 2001:db8:1::/48 via {GUEST_LL} dev {TAP}");
    waits(
        &format!("{UP0}; ip -6 route add default via fe80::9 dev up0; ip -6 route add {route}"),
        &["default route"],
        &format!("ip -6 route del {route}"),
    );
}

/// The kernel counts another daemon's advertisements (package radvd). autora
/// yields until that one has sent none for three of autora's maximum intervals.
#[test]
fn yields_to_another_daemon_until_that_stops() {
    let lab = Lab::new();
    let directory = scratch("radvd");
    let config = directory.join("radvd.conf");
    std::fs::write(
        &config,
        format!(
            "interface {TAP} {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
               prefix 2001:db8:1:1::/64 {{ AdvOnLink off; }}; }};"
        ),
    )
    .unwrap();
    let (mut daemon, capture) = lab.serve(&Autora::fast());
    let radvd = lab
        .router
        .command("radvd")
        .args(["--nodaemon", "--logmethod=stderr"])
        .arg(format!("--config={}", config.display()))
        .arg(format!("--pidfile={}", directory.join("pid").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut radvd = radvd.unwrap();
    daemon.expect_log(&["another"], secs(9));
    let yielded = wall_clock();
    let is_theirs = |frame: &Frame| frame.is_ra() && frame.bytes.len() != 54 + 48;
    assert!(
        capture.frame_within(SOON, is_theirs).is_some(),
        "radvd advertises"
    );
    lab.eventually("its state", SOON, |lab| instance(lab)["state"] == "yielding");
    assert_eq!(instance(&lab)["reason"], "other-daemon");
    std::thread::sleep(secs(5));
    radvd.kill().unwrap();
    radvd.wait().unwrap();
    let frames = capture.frames();
    let last_of_theirs = frames.iter().rfind(|frame| is_theirs(frame)).unwrap().at;
    let is_ours = |frame: &Frame| frame.is_ra() && !is_theirs(frame) && frame.at > yielded;
    let back = capture.frame_within(secs(70), is_ours).expect("back again").at;
    let silence = back.abs_diff(last_of_theirs);
    assert!(silence >= ms(11_950), "{silence:?}");
    assert!(silence < secs(17), "{silence:?}:\n{}", daemon.text());
    lab.eventually("the address", MIN_DELAY_BETWEEN_RAS + NOISE, |lab| {
        lab.guest_address(PREFIX).is_some()
    });
    std::fs::remove_dir_all(directory).unwrap();
}
