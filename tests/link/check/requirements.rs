//! Each requirement of the daemon, violated and fixed.

use super::{Check, Host, check, the_check};
use crate::eligibility::sysctl;
use crate::harness::daemon::{BINARY, Finished, text_of};
use crate::harness::lab::{GUEST_LL, PREFIX, scratch};
use crate::harness::{Autora, GUEST, Lab, SOON, TAP};

/// Runs `broken`, expects exactly these crosses, runs the printed commands until
/// there are none, and expects an advertisement.
fn assert_fixed(broken: &str, crosses: &[&str]) {
    let lab = Lab::new();
    let mut capture = lab.capture();
    lab.router.run(broken);
    let mut check_now = check(&lab.router);
    check_now.assert_crosses(crosses);
    for _ in 0..3 {
        let crosses = check_now.findings.iter().filter(|finding| finding.mark == 'x');
        let commands: Vec<String> = crosses.filter_map(|finding| finding.fix.clone()).collect();
        assert!(
            !commands.is_empty() || check_now.status == 0,
            "{}",
            check_now.text
        );
        for command in commands {
            // These are the operator's to fill in.
            let command = command
                .replace("PREFIX::1/64", "2001:db8:1:1::1/64 nodad")
                .replace("INTERFACE", TAP);
            lab.router.run(&command);
        }
        lab.settle();
        check_now = check(&lab.router);
    }
    check_now.assert_crosses(&[]);
    let _daemon = Autora::slow().start(&lab.router);
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);
}

#[test]
fn no_fault() {
    let host = Host::new();
    let check = host.check();
    check.assert_marked(&[], &[]);
    assert!(
        check
            .text
            .starts_with("tap-vm-1: would advertise 2001:db8:1:1::/64\n"),
        "{}",
        check.text
    );
    let _ = host.lab.serve(&Autora::slow());
    assert!(host.guest_reaches_the_internet());
}

#[test]
fn forwarding_of_the_interface_is_0() {
    assert_fixed(&sysctl("forwarding", 0), &["forwarding"]);
}

/// Until it forwards, the guest could make itself the host's router.
#[test]
fn guest_may_advertise_while_it_does_not_forward() {
    let lab = Lab::new();
    lab.router
        .run(&[sysctl("forwarding", 0), sysctl("accept_ra", 1)].join("; "));
    let before = check(&lab.router);
    before.expect('!', "guest's RAs", "gives this host an address");
    lab.router.run(&before.fix("guest's RAs"));
    lab.guest.run(&format!(
        "echo 1 >/proc/sys/net/ipv6/conf/{GUEST}/forwarding; ip address add 2001:db8:78::1/64 dev {GUEST} nodad"
    ));
    let _rogue = Autora::fast()
        .set("interface", GUEST)
        .set("interface-regex", ".*")
        .start(&lab.guest);
    lab.eventually("an advertisement was heard", SOON, |lab| {
        let counters = lab.router.run(&format!("cat /proc/net/dev_snmp6/{TAP}"));
        counters.contains("Icmp6InType134")
    });
    let after = check(&lab.router);
    assert!(!after.marked('!').contains(&"guest's RAs"), "{}", after.text);
    assert!(!lab.router.run("ip -6 address").contains("2001:db8:78:"));
}

#[test]
fn interface_is_down() {
    assert_fixed(&format!("ip link set {TAP} down"), &["up", "one /64"]);
}

#[test]
fn multicast_is_off() {
    assert_fixed(&format!("ip link set {TAP} multicast off"), &["multicast"]);
}

#[test]
fn ipv6_is_disabled() {
    assert_fixed(&sysctl("disable_ipv6", 1), &["IPv6"]);
}

#[test]
fn mtu_is_too_small() {
    assert_fixed(&format!("ip link set {TAP} mtu 1200"), &["IPv6"]);
}

#[test]
fn accept_ra_is_2() {
    assert_fixed(&sysctl("accept_ra", 2), &["accept_ra"]);
}

#[test]
fn default_route_goes_out_of_it() {
    assert_fixed(
        &format!("ip -6 route add default via {GUEST_LL} dev {TAP}"),
        &["no default route"],
    );
}

/// The guest's advertisement gave the host an address, before the host forwarded.
#[test]
fn address_comes_from_an_advertisement() {
    let address = format!("2001:db8:78::5/64 dev {TAP} nodad mngtmpaddr noprefixroute");
    let broken = format!("ip address add {address} valid_lft 3600 preferred_lft 1800");
    assert_fixed(&broken, &["no other router"]);
}

#[test]
fn no_link_local_address() {
    assert_fixed(
        &format!("ip -6 address flush dev {TAP} scope link"),
        &["link-local"],
    );
}

#[test]
fn no_prefix() {
    assert_fixed(
        &format!("ip address del 2001:db8:1:1::1/64 dev {TAP}"),
        &["one /64"],
    );
}

#[test]
fn two_prefixes() {
    let add = |address: &str| format!("ip address add {address}/64 dev {TAP} nodad; ");
    assert_fixed(&(add("2001:db8:2:2::1") + &add("2001:db8:2:2::2")), &["one /64"]);
}

/// It is still advertised (RFC 4862, 5.5.4), so this is only a warning.
#[test]
fn prefix_is_deprecated() {
    let lab = Lab::new();
    lab.router.run(&format!(
        "ip address change 2001:db8:1:1::1/64 dev {TAP} preferred_lft 0"
    ));
    let check = check(&lab.router);
    assert_eq!(check.status, 0, "{}", check.text);
    check.expect('!', "one /64", "2001:db8:1:1::/64, is deprecated");
}

#[test]
fn several_faults_at_once_are_all_found() {
    let broken = [
        sysctl("forwarding", 0),
        format!("ip link set {TAP} multicast off"),
        format!("ip address add 2001:db8:2:2::1/64 dev {TAP} nodad"),
    ];
    assert_fixed(&broken.join("; "), &["multicast", "one /64", "forwarding"]);
}

#[test]
fn missing_carrier_has_no_command_and_is_fixed_by_the_guest() {
    let lab = Lab::new();
    lab.guest.run(&format!("ip link set {GUEST} down"));
    lab.eventually("no carrier", SOON, |lab| {
        check(&lab.router).marked('x').contains(&"carrier")
    });
    // An address that was added then is tentative until the carrier is there.
    lab.router.run(&format!(
        "{}; ip address del 2001:db8:1:1::1/64 dev {TAP}; ip address add 2001:db8:1:1::1/64 dev {TAP}",
        sysctl("accept_dad", 1)
    ));
    let without = check(&lab.router);
    without.assert_crosses(&["carrier"]);
    without.expect('-', "one /64", "tentative until there is carrier");
    lab.guest.run(&format!("ip link set {GUEST} up"));
    lab.eventually("a carrier", SOON, |lab| check(&lab.router).status == 0);
}

#[test]
fn names_that_do_not_match_or_do_not_exist() {
    let lab = Lab::new();
    let other = Check::of(&the_check().arg("lo").output(&lab.router));
    assert_eq!(other.status, 1);
    other.expect('x', "name", "does not match '^tap-vm-[0-9]+$'");
    other.expect('x', "link type", "loopback");
    let missing = Check::of(&the_check().arg("tap-vm-2").output(&lab.router));
    missing.assert_crosses(&["interface"]);
    let none = the_check().arg("a/b").output(&lab.router);
    assert_eq!(none.status.code(), Some(78), "{}", text_of(&none));
    lab.router
        .run(&format!("ip link property add dev {TAP} altname tap-vm-99"));
    let alias = Check::of(&the_check().arg("tap-vm-99").output(&lab.router));
    alias.expect('x', "interface", "tap-vm-99 is an alternative name of tap-vm-1");
    assert_eq!(alias.fix("interface"), "autora check tap-vm-1");
}

#[test]
fn without_a_name_all_that_match_are_checked() {
    let lab = Lab::new();
    let all = Check::of(&the_check().output(&lab.router));
    assert_eq!(all.status, 0, "{}", all.text);
    // An interface without findings takes one line.
    assert!(
        all.text.starts_with("tap-vm-1: would advertise") && all.marked('+').is_empty(),
        "{}",
        all.text
    );

    lab.router.run("ip link add tap-vm-2 type veth peer name other");
    let all = Check::of(&the_check().output(&lab.router));
    assert_eq!(all.status, 1);
    assert!(all.text.contains("tap-vm-2: would not advertise"), "{}", all.text);

    let none = the_check().set("interface-regex", "^vnet").output(&lab.router);
    let none = Check::of(&none);
    assert_eq!(none.status, 1);
    none.expect('x', "name", "'^vnet' matches no interface");
    none.expect('-', "interfaces", "tap-vm-1");
}

/// The files of the package, bound over those of this machine.
#[test]
fn pattern_and_settings_come_from_the_files_of_the_instance() {
    let lab = Lab::new();
    let files = scratch("check-files");
    std::fs::create_dir(files.join("autora.d")).unwrap();
    let own = files.join("autora.d/tap-vm-1.conf");
    let run = || {
        let mut command = lab.router.command("unshare");
        let script = "mount --bind \"$0\" /etc/default && exec \"$@\"";
        command.args(["--mount", "sh", "-ec", script]).arg(&files);
        command.args([BINARY, "check", TAP]);
        Check::of(&Finished::within(command, SOON))
    };
    std::fs::write(files.join("autora"), "AUTORA_INTERFACE_REGEX='^$'\n").unwrap();
    run().expect('x', "name", "does not match '^$' (/etc/default/autora)");
    std::fs::write(files.join("autora"), "AUTORA_INTERFACE_REGEX='^tap-'\n").unwrap();
    let check = run();
    assert_eq!(check.status, 0, "{}", check.text);
    check.expect('+', "name", "'^tap-' (/etc/default/autora)");
    std::fs::write(&own, "AUTORA_INTERFACE_REGEX='^vnet'\n").unwrap();
    run().expect('x', "name", "'^vnet' (/etc/default/autora.d/tap-vm-1.conf)");
    std::fs::write(&own, "AUTORA_MAX_RA_INTERVAL=2s\n").unwrap();
    run().expect('x', "settings", "AUTORA_MAX_RA_INTERVAL");
    std::fs::write(&own, "AUTORA_DRY_RUN=yes\n").unwrap();
    run().expect('x', "dry run", "AUTORA_DRY_RUN");
    std::fs::remove_dir_all(&files).unwrap();
}
