//! A host that advertises but does not route the guest's packets.

use super::{Host, check};
use crate::eligibility::sysctl;
use crate::harness::{Autora, Daemon, Lab, SOON, TAP};

#[test]
fn host_that_advertises_but_does_not_forward() {
    let host = Host::new();
    let _serving = host.lab.serve(&Autora::slow());
    host.lab.router.run(&format!(
        "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding; {}",
        sysctl("forwarding", 1)
    ));
    let check = host.check();
    check.assert_marked(&[], &["forwarding"]);
    assert!(!host.guest_reaches_the_internet());
    let fix = check
        .findings
        .iter()
        .find(|finding| finding.mark == '!')
        .unwrap()
        .fix
        .clone();
    host.lab.router.run(&fix.unwrap());
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(host.guest_reaches_the_internet());
}

/// Linux 6.17 forwards by interface as well, if told to.
#[test]
fn forwarding_that_is_forced_on_the_interfaces() {
    let conf = "/proc/sys/net/ipv6/conf";
    if !std::path::Path::new(&format!("{conf}/all/force_forwarding")).exists() {
        return;
    }
    let host = Host::new();
    host.lab.router.run(&format!(
        "echo 0 >{conf}/all/forwarding; echo 1 >{conf}/{TAP}/forwarding; echo 1 >{conf}/{TAP}/force_forwarding"
    ));
    let _serving = host.lab.serve(&Autora::slow());
    // What comes back is still dropped.
    assert!(!host.guest_reaches_the_internet());
    assert_eq!(host.check().marked('!'), ["forwarding"]);
    host.lab
        .router
        .run(&format!("echo 1 >{conf}/up0/force_forwarding"));
    assert!(host.guest_reaches_the_internet());
    assert_eq!(host.check().marked('!'), [""; 0]);
}

/// The Internet side advertises itself as the host's router.
fn uplink_by_advertisement() -> (Host, Daemon) {
    let host = Host::new();
    host.lab.router.run(
        "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
         ip -6 route del default
         echo 1 >/proc/sys/net/ipv6/conf/up0/accept_ra",
    );
    host.lab.router.run(&sysctl("forwarding", 1));
    host.internet.run(
        "ip -6 route del default
         ip -6 route add 2001:db8:1::/48 via fe80::1 dev w0
         echo 1 >/proc/sys/net/ipv6/conf/w0/forwarding
         ip address add 2001:db8:78::1/64 dev w0 nodad",
    );
    let advertiser = Autora::fast()
        .set("interface", "w0")
        .set("interface-regex", "^w0$");
    let daemon = advertiser.start(&host.internet);
    host.lab.eventually(
        "a default route by advertisement",
        SOON,
        has_route_by_advertisement,
    );
    (host, daemon)
}

fn has_route_by_advertisement(lab: &Lab) -> bool {
    lab.router.run("ip -6 route show default").contains("proto ra")
}

#[test]
fn command_that_turns_forwarding_on_keeps_the_default_route() {
    let (host, _internet) = uplink_by_advertisement();
    let check = host.check();
    let warning = check.findings.iter().find(|finding| finding.mark == '!').unwrap();
    assert_eq!(warning.requirement, "forwarding", "{}", check.text);
    host.lab
        .router
        .run(&warning.fix.as_ref().unwrap().replace("UPLINK", "up0"));
    assert!(has_route_by_advertisement(&host.lab));
    let check = host.check();
    assert_eq!(check.marked('!'), [""; 0], "{}", check.text);
    check.expect('+', "default route", "up0");
}

#[test]
fn host_that_lost_its_default_route_by_forwarding() {
    let (host, _internet) = uplink_by_advertisement();
    host.lab
        .router
        .run("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    assert!(
        !has_route_by_advertisement(&host.lab),
        "the kernel removes it at once"
    );
    let check = host.check();
    check.expect(
        '!',
        "default route",
        "up0 receives Router Advertisements, and accept_ra is 1",
    );
    host.lab
        .router
        .run(&check.fix("default route").replace("UPLINK", "up0"));
    host.lab
        .eventually("the default route", SOON, has_route_by_advertisement);
    assert_eq!(host.check().marked('!'), [""; 0]);
}

/// As with systemd-networkd: `proto ra`, and `accept_ra` is 0.
#[test]
fn advertisements_that_are_handled_in_user_space_are_no_fault() {
    let host = Host::new();
    host.lab.router.run(
        "echo 0 >/proc/sys/net/ipv6/conf/up0/accept_ra
         ip -6 route replace default via fe80::9 dev up0 proto ra
         ip -6 route show default",
    );
    let check = host.check();
    check.expect('+', "default route", "up0");
    host.lab
        .router
        .run("echo 1 >/proc/sys/net/ipv6/conf/up0/accept_ra");
    host.check().expect('!', "default route", "the route will expire");
}

#[test]
fn no_default_route() {
    let lab = Lab::new();
    check(&lab.router).expect('!', "default route", "no IPv6 default route");
}

#[test]
fn prefix_without_a_route() {
    let host = Host::new();
    host.lab.router.run(&format!(
        "ip address del 2001:db8:1:1::1/64 dev {TAP}
         ip address add 2001:db8:1:1::1/64 dev {TAP} nodad noprefixroute"
    ));
    host.lab.settle();
    host.check().assert_marked(&["one /64"], &[]);
    host.lab
        .router
        .run(&format!("ip -6 route add 2001:db8:1:1::/64 dev {TAP}"));
    host.check().assert_marked(&[], &[]);
}

#[test]
fn prefix_that_is_routed_elsewhere() {
    let host = Host::new();
    host.lab
        .router
        .run("ip -6 route add 2001:db8:1:1::/64 via fe80::9 dev up0 metric 1");
    let check = host.check();
    check.expect(
        '!',
        "route to the /64",
        "go out of up0, by the route 2001:db8:1:1::/64",
    );
    host.lab.router.run(&check.fix("route to the /64"));
    assert_eq!(host.check().marked('!'), [""; 0]);
}
