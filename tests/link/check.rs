//! `autora check`: what it marks is so, and what it prints mends it. Every
//! command is taken from its output and run as it stands.

use std::process::Output;
use std::time::Duration;

use crate::eligibility::sysctl;
use crate::harness::daemon::{Finished, text_of};
use crate::harness::lab::{GUEST_LL, PREFIX, ROUTER_LL, scratch};
use crate::harness::namespace::Namespace;
use crate::harness::{Autora, GUEST, Lab, Rs, SOON, TAP, ms, secs};

const WITHIN: Duration = SOON;

/// `+`, `x`, `!` or `-`, as in a locale without UTF-8.
#[derive(Debug)]
struct Finding {
    mark: char,
    requirement: String,
    found: String,
    mend: Option<String>,
}

#[derive(Debug)]
struct Check {
    status: i32,
    text: String,
    findings: Vec<Finding>,
}

impl Check {
    fn of(output: &Output) -> Self {
        let text = text_of(output);
        let mut findings: Vec<Finding> = Vec::new();
        for line in text.lines() {
            if let Some((_, command)) = line.split_once("  # ") {
                findings.last_mut().unwrap().mend = Some(command.to_owned());
            } else if let Some(rest) = line.strip_prefix("  ") {
                let (mark, rest) = rest.split_once(' ').unwrap();
                let (requirement, found) = rest.split_once("  ").unwrap();
                findings.push(Finding {
                    mark: mark.parse().unwrap(),
                    requirement: requirement.to_owned(),
                    found: found.trim().to_owned(),
                    mend: None,
                });
            }
        }
        Self {
            status: output.status.code().unwrap(),
            text,
            findings,
        }
    }

    fn marked(&self, mark: char) -> Vec<&str> {
        let marked = self.findings.iter().filter(|finding| finding.mark == mark);
        marked.map(|finding| &finding.requirement[..]).collect()
    }

    fn finding(&self, requirement: &str) -> &Finding {
        let found = self
            .findings
            .iter()
            .find(|finding| finding.requirement == requirement);
        found.unwrap_or_else(|| panic!("no {requirement}: {}", self.text))
    }

    /// What is said of a requirement that stands so.
    fn expect(&self, mark: char, requirement: &str, words: &str) -> &Finding {
        let finding = self.finding(requirement);
        assert!(
            finding.mark == mark && finding.found.contains(words),
            "{}",
            self.text
        );
        finding
    }

    fn mend(&self, requirement: &str) -> String {
        self.finding(requirement)
            .mend
            .clone()
            .unwrap_or_else(|| panic!("no command: {}", self.text))
    }
}

fn the_check() -> Autora {
    Autora::bare()
        .set("interface-regex", "^tap-vm-[0-9]+$")
        .arg("check")
}

fn check(namespace: &Namespace) -> Check {
    Check::of(&the_check().arg(TAP).output(namespace))
}

/// A host with nothing to complain of: it forwards to a world of its own,
/// whose address is `2001:db8:77::1`.
struct Host {
    lab: Lab,
    world: Namespace,
}

const WORLD: &str = "2001:db8:77::1";

impl Host {
    fn new() -> Self {
        let lab = Lab::new();
        let world = lab.router.sibling();
        lab.router.run(&format!(
            "ip link add up0 type veth peer name w0 netns {pid}
             ip link set up0 up
             ip address add fe80::1/64 dev up0 nodad
             nsenter --target={pid} --net sh -ec '
               ip link set w0 up
               ip address add fe80::9/64 dev w0 nodad
               ip address add {WORLD}/128 dev lo nodad
               ip -6 route add default via fe80::1 dev w0'
             ip -6 route add default via fe80::9 dev up0
             echo 1 >/proc/sys/net/ipv6/conf/all/forwarding",
            pid = world.pid()
        ));
        lab.eventually("an uplink", SOON, |lab| {
            let ping = lab
                .router
                .try_run(&format!("ping -6 -c 1 -W 1 -I 2001:db8:1:1::1 {WORLD}"));
            ping.status.success()
        });
        Self { lab, world }
    }

    fn check(&self) -> Check {
        check(&self.lab.router)
    }

    fn nft(&self, rules: &str) {
        self.lab.router.run(&format!("nft -f - <<END\n{rules}\nEND"));
    }

    /// Whether the guest, that must have its address, gets an answer.
    fn guest_reaches_the_world(&self) -> bool {
        self.lab.eventually("an address", SOON, |lab| {
            lab.guest_address(PREFIX).is_some() && lab.default_route().is_some()
        });
        self.lab
            .guest
            .try_run(&format!("ping -6 -c 1 -W 1 {WORLD}"))
            .status
            .success()
    }
}

/// Breaks what is right, sees exactly these crosses, does what it is told
/// until there are none, and sees the advertisement arrive.
fn mended(broken: &str, crosses: &[&str]) {
    let lab = Lab::new();
    let mut capture = lab.capture();
    lab.router.run(broken);
    let mut check_now = check(&lab.router);
    assert_eq!(
        (check_now.marked('x'), check_now.status),
        (crosses.to_vec(), 1),
        "{}",
        check_now.text
    );
    for _ in 0..3 {
        let crosses = check_now.findings.iter().filter(|finding| finding.mark == 'x');
        let commands: Vec<String> = crosses.filter_map(|finding| finding.mend.clone()).collect();
        assert!(
            !commands.is_empty() || check_now.status == 0,
            "{}",
            check_now.text
        );
        for command in commands {
            // The prefix is the operator's to fill in.
            let command = command.replace("PREFIX::1/64", "2001:db8:1:1::1/64 nodad");
            lab.router.run(&command);
        }
        lab.settle();
        check_now = check(&lab.router);
    }
    assert_eq!(
        (check_now.marked('x'), check_now.status),
        (vec![], 0),
        "{}",
        check_now.text
    );
    let _daemon = Autora::slow().start(&lab.router);
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);
}

#[test]
fn nothing_to_complain_of() {
    let host = Host::new();
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!'), check.status),
        (vec![], vec![], 0),
        "{}",
        check.text
    );
    assert!(
        check
            .text
            .starts_with("tap-vm-1: would advertise 2001:db8:1:1::/64\n"),
        "{}",
        check.text
    );
    let _ = host.lab.serve(&Autora::slow());
    assert!(host.guest_reaches_the_world());
}

#[test]
fn forwarding_of_the_interface_is_0() {
    mended(&sysctl("forwarding", 0), &["forwarding"]);
}

#[test]
fn interface_is_down() {
    mended(&format!("ip link set {TAP} down"), &["up", "one /64"]);
}

#[test]
fn multicast_is_off() {
    mended(&format!("ip link set {TAP} multicast off"), &["multicast"]);
}

#[test]
fn ipv6_is_disabled() {
    mended(&sysctl("disable_ipv6", 1), &["IPv6"]);
}

#[test]
fn mtu_is_too_small() {
    mended(&format!("ip link set {TAP} mtu 1200"), &["IPv6"]);
}

#[test]
fn accept_ra_is_2() {
    mended(&sysctl("accept_ra", 2), &["accept_ra"]);
}

#[test]
fn default_route_goes_out_of_it() {
    mended(
        &format!("ip -6 route add default via {GUEST_LL} dev {TAP}"),
        &["no default route"],
    );
}

#[test]
fn no_link_local_address() {
    mended(
        &format!("ip -6 address flush dev {TAP} scope link"),
        &["link-local"],
    );
}

#[test]
fn no_prefix() {
    mended(
        &format!("ip address del 2001:db8:1:1::1/64 dev {TAP}"),
        &["one /64"],
    );
}

#[test]
fn two_prefixes() {
    let add = |address: &str| format!("ip address add {address}/64 dev {TAP} nodad; ");
    mended(&(add("2001:db8:2:2::1") + &add("2001:db8:2:2::2")), &["one /64"]);
}

#[test]
fn prefix_is_deprecated() {
    mended(
        &format!("ip address change 2001:db8:1:1::1/64 dev {TAP} preferred_lft 0"),
        &["one /64"],
    );
}

#[test]
fn several_things_at_once_each_have_their_line() {
    let broken = [
        sysctl("forwarding", 0),
        format!("ip link set {TAP} multicast off"),
        format!("ip address add 2001:db8:2:2::1/64 dev {TAP} nodad"),
    ];
    mended(&broken.join("; "), &["multicast", "one /64", "forwarding"]);
}

#[test]
fn no_carrier_is_for_the_guest_to_mend() {
    let lab = Lab::new();
    lab.guest.run(&format!("ip link set {GUEST} down"));
    lab.eventually("no carrier", SOON, |lab| {
        check(&lab.router).marked('x').contains(&"carrier")
    });
    lab.guest.run(&format!("ip link set {GUEST} up"));
    lab.eventually("a carrier", SOON, |lab| check(&lab.router).status == 0);
}

#[test]
fn names_that_match_not_or_are_nobodys() {
    let lab = Lab::new();
    let other = Check::of(&the_check().arg("lo").output(&lab.router));
    assert_eq!(other.status, 1);
    other.expect('x', "name", "does not match '^tap-vm-[0-9]+$'");
    other.expect('x', "link type", "loopback");
    let missing = Check::of(&the_check().arg("tap-vm-2").output(&lab.router));
    assert_eq!(
        (missing.marked('x'), missing.status),
        (vec!["interface"], 1),
        "{}",
        missing.text
    );
    let none = the_check().arg("a/b").output(&lab.router);
    assert_eq!(none.status.code(), Some(78), "{}", text_of(&none));
    lab.router
        .run(&format!("ip link property add dev {TAP} altname tap-vm-99"));
    let alias = Check::of(&the_check().arg("tap-vm-99").output(&lab.router));
    alias.expect('x', "interface", TAP);
}

#[test]
fn without_a_name_all_that_match_are_checked() {
    let lab = Lab::new();
    let all = Check::of(&the_check().output(&lab.router));
    assert_eq!(all.status, 0, "{}", all.text);
    // What is in order takes one line.
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
        command.args([crate::harness::daemon::BINARY, "check", TAP]);
        Check::of(&Finished::within(command, WITHIN))
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

#[test]
fn egress_rule_that_drops_advertisements() {
    let host = Host::new();
    host.nft(&format!(
        "table netdev guard {{
           chain out {{ type filter hook egress device {TAP} priority 0; goto sub
           }}
           chain sub {{ icmpv6 type {{ nd-router-advert, nd-redirect }} counter drop
           }}
         }}"
    ));
    really_dropped(&host, "icmpv6 type { nd-router-advert, nd-redirect } counter");
}

#[test]
fn egress_policy_that_drops_all() {
    let host = Host::new();
    host.nft(&format!(
        "table netdev guard {{
           chain out {{ type filter hook egress device {TAP} priority 0; policy drop; ip6 nexthdr tcp accept
           }}
         }}"
    ));
    really_dropped(&host, "the policy of the chain netdev guard out");
}

/// A cross, and no advertisement comes to the guest; after the command, both.
fn really_dropped(host: &Host, words: &str) {
    let lab = &host.lab;
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.status),
        (vec!["RA out"], 1),
        "{}",
        check.text
    );
    check.expect('x', "RA out", words);
    let mut capture = lab.capture();
    let mut daemon = Autora::fast().start(&lab.router);
    daemon.expect_log(&["advertising 2001:db8:1:1::/64"], SOON);
    capture.assert_silent_for(secs(1));
    lab.router.run(&check.mend("RA out"));
    assert_eq!(host.check().status, 0);
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);
}

/// The kernel is asked about each of these as well: does the advertisement arrive?
#[test]
fn what_is_said_of_a_rule_is_what_the_kernel_does() {
    let host = Host::new();
    let lab = &host.lab;
    for rules in [
        "icmpv6 type 134 drop",
        "icmpv6 type != nd-router-advert drop",
        "icmpv6 type 133-134 drop",
        "icmpv6 type { nd-router-solicit, nd-redirect } drop",
        "icmpv6 type vmap { nd-router-advert : drop, echo-request : accept }",
        "icmpv6 type . ip6 hoplimit { nd-router-advert . 255 } drop",
        "icmpv6 type . ip6 hoplimit { nd-router-advert . 64 } drop",
        "icmpv6 code 0 drop",
        "ip6 daddr ff02::/16 drop",
        "ip6 daddr ff02::2-ff02::f drop",
        "ip6 hoplimit < 255 drop",
        "ip6 hoplimit >= 255 drop",
        "ip6 nexthdr icmpv6 drop",
        "meta l4proto tcp drop",
        "meta l4proto { tcp, icmpv6 } drop",
        "meta protocol ip drop",
        "meta protocol { ip, ip6 } drop",
        "ether type ip6 drop",
        "udp dport 547 drop",
        "oifname tap* drop",
        "oifname { eth0, vnet* } drop",
        "tcp dport 443 accept; drop",
        "jump back; icmpv6 type nd-router-advert drop",
        "jump back; accept",
        "goto back; drop",
        "jump out_of; drop",
        "goto out_of",
    ] {
        host.nft(&format!(
            "table netdev guard {{
               chain back {{ icmpv6 type nd-router-advert return; drop
               }}
               chain out_of {{ icmpv6 type nd-router-advert accept; drop
               }}
               chain out {{ type filter hook egress device {TAP} priority 0; {rules}
               }}
             }}"
        ));
        let check = host.check();
        let mark = check.finding("RA out").mark;
        let mut capture = lab.capture();
        let mut daemon = Autora::slow().start(&lab.router);
        daemon.expect_log(&["advertising 2001:db8:1:1::/64"], SOON);
        let arrived = capture.try_ra_within(ms(500)).is_some();
        assert_eq!(mark, if arrived { '+' } else { 'x' }, "{rules}\n{}", check.text);
        lab.router.run("nft flush ruleset");
    }
}

/// Rules of other devices, of other packets, or behind an accept.
#[test]
fn rules_that_are_of_no_concern() {
    let host = Host::new();
    host.nft(&format!(
        "table netdev guard {{
           chain other {{ type filter hook egress device up0 priority 0; icmpv6 type nd-router-advert drop
           }}
           chain in {{ type filter hook ingress device {TAP} priority 0; icmpv6 type nd-router-advert drop
           }}
           chain out {{
             type filter hook egress device {TAP} priority 0
             icmpv6 type nd-router-advert accept
             icmpv6 type {{ nd-router-solicit, nd-redirect }} drop
             icmpv6 type nd-router-advert drop
           }}
         }}
         table ip six {{
           chain in {{ type filter hook input priority 0; policy drop
           }}
         }}
         table inet asleep {{
           flags dormant
           chain in {{ type filter hook input priority 0; policy drop
           }}
         }}"
    ));
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!'), check.status),
        (vec![], vec![], 0),
        "{}",
        check.text
    );
    let _ = host.lab.serve(&Autora::slow());
    assert!(host.guest_reaches_the_world());
}

#[test]
fn what_is_not_certain_is_called_so() {
    let host = Host::new();
    host.nft(&format!(
        "table netdev guard {{
           chain out {{ type filter hook egress device {TAP} priority 0; limit rate over 1/second drop
           }}
         }}"
    ));
    let check = host.check();
    assert_eq!((check.marked('x'), check.status), (vec![], 0), "{}", check.text);
    let finding = check.expect('!', "RA out", "limit rate over 1/second");
    assert!(finding.found.contains("may drop"), "{}", check.text);
    // The command shows the rule.
    assert!(
        host.lab
            .router
            .run(&check.mend("RA out"))
            .contains("limit rate over 1/second")
    );
}

/// The socket stands before the hook: the solicitation is answered.
#[test]
fn ingress_rule_cannot_keep_solicitations_from_the_daemon() {
    let host = Host::new();
    let (_daemon, mut capture) = host.lab.serve(&Autora::slow());
    host.nft(&format!(
        "table netdev guard {{
           chain in {{ type filter hook ingress device {TAP} priority 0; icmpv6 type nd-router-solicit counter drop
           }}
         }}"
    ));
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!')),
        (vec![], vec![]),
        "{}",
        check.text
    );
    let mut agent = host.lab.agent();
    agent.send(&Rs::default());
    let _ = capture.ra_within(SOON);
    let counted = host.lab.router.run("nft list ruleset");
    assert!(counted.contains("packets 1"), "the rule saw it: {counted}");
}

/// The guest's neighbour table tells whether the host answers for its address.
fn guest_resolves_the_host(lab: &Lab) -> bool {
    lab.guest.run(&format!("ip -6 neigh flush dev {GUEST}"));
    let _ = lab
        .guest
        .try_run(&format!("ping -6 -c 1 -W 1 {ROUTER_LL}%{GUEST}"));
    lab.guest
        .run(&format!("ip -6 neigh show {ROUTER_LL} dev {GUEST}"))
        .contains("lladdr")
}

#[test]
fn input_policy_hinders_no_advertisement_but_neighbour_discovery() {
    let host = Host::new();
    host.nft(
        "table inet filter {
           chain input { type filter hook input priority 0; policy drop
             ct state established,related accept
             iif lo accept
             tcp dport 22 accept
           }
         }",
    );
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!'), check.status),
        (vec![], vec!["ND"], 0),
        "{}",
        check.text
    );
    check.expect('!', "ND", "the policy of the chain inet filter input drops");
    let (_daemon, mut capture) = host.lab.serve(&Autora::slow());
    let mut agent = host.lab.agent();
    agent.send(&Rs::default());
    let _ = capture.ra_within(SOON);
    assert!(!guest_resolves_the_host(&host.lab));

    host.lab.router.run(&check.mend("ND"));
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(guest_resolves_the_host(&host.lab));
    assert!(host.guest_reaches_the_world());
}

#[test]
fn forward_policy_drops_what_the_guest_says() {
    let host = Host::new();
    host.nft(
        "table inet filter {
           chain forward { type filter hook forward priority 0; policy drop
             ip saddr 192.0.2.0/24 accept
             tcp dport 25 accept
           }
         }",
    );
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!')),
        (vec![], vec!["from the guest", "to the guest"]),
        "{}",
        check.text
    );
    let _serving = host.lab.serve(&Autora::slow());
    assert!(!host.guest_reaches_the_world());
    for requirement in ["from the guest", "to the guest"] {
        host.lab.router.run(&check.mend(requirement));
    }
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(host.guest_reaches_the_world());
}

#[test]
fn uplink_that_drops_what_the_guest_says() {
    let host = Host::new();
    host.nft(
        "table netdev guard {
           chain up { type filter hook egress device up0 priority 0; ip6 saddr 2001:db8:1::/48 drop
           }
         }",
    );
    let check = host.check();
    check.expect('!', "from the guest", "ip6 saddr 2001:db8:1::/48 drop");
    let _serving = host.lab.serve(&Autora::slow());
    assert!(!host.guest_reaches_the_world());
    host.lab.router.run(&check.mend("from the guest"));
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(host.guest_reaches_the_world());
}

/// On a bridge the socket's packets pass the bridge family's hooks.
#[test]
fn bridge_with_rules_of_its_own() {
    let host = Host::new();
    let lab = &host.lab;
    lab.router.run(&format!(
        "ip link add tap-vm-2 type bridge
         ip address flush dev {TAP}
         ip link set {TAP} master tap-vm-2
         echo 1 >/proc/sys/net/ipv6/conf/tap-vm-2/forwarding
         ip link set tap-vm-2 up
         ip address add 2001:db8:1:1::1/64 dev tap-vm-2 nodad"
    ));
    let check = || Check::of(&the_check().arg("tap-vm-2").output(&lab.router));
    lab.eventually("the bridge is fit", SOON, |_| check().marked('x').is_empty());
    assert_eq!(check().marked('!'), [""; 0], "{}", check().text);
    let port = host.check();
    port.expect('!', "bridge", "a port of tap-vm-2");

    host.nft(
        "table bridge guard {
           chain forward { type filter hook forward priority 0; icmpv6 type nd-router-advert drop
           }
           chain out { type filter hook output priority 0; icmpv6 type nd-router-advert drop
           }
         }",
    );
    let dropped = check();
    dropped.expect('x', "RA out", "in the chain bridge guard out");
    let mut capture = lab.capture();
    let mut daemon = Autora::fast().set("interface", "tap-vm-2").start(&lab.router);
    daemon.expect_log(&["advertising 2001:db8:1:1::/64"], SOON);
    capture.assert_silent_for(secs(1));
    lab.router.run(&dropped.mend("RA out"));
    assert_eq!(check().status, 0);
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);

    host.nft("table bridge guard { chain in { type filter hook input priority 0; icmpv6 type nd-router-solicit drop\n}\n}");
    let deaf = check();
    assert_eq!(deaf.status, 0);
    deaf.expect('!', "RS in", "in the chain bridge guard in");
    lab.router.run(&deaf.mend("RS in"));
    assert_eq!(check().marked('!'), [""; 0]);
}

#[test]
fn host_that_advertises_and_forwards_nothing() {
    let host = Host::new();
    let _serving = host.lab.serve(&Autora::slow());
    host.lab.router.run(&format!(
        "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding; {}",
        sysctl("forwarding", 1)
    ));
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!')),
        (vec![], vec!["forwarding"]),
        "{}",
        check.text
    );
    assert!(!host.guest_reaches_the_world());
    let mend = check
        .findings
        .iter()
        .find(|finding| finding.mark == '!')
        .unwrap()
        .mend
        .clone();
    host.lab.router.run(&mend.unwrap());
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(host.guest_reaches_the_world());
}

/// The world advertises itself as the host's router.
fn uplink_by_advertisement() -> (Host, crate::harness::Daemon) {
    let host = Host::new();
    host.lab.router.run(
        "echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
         ip -6 route del default
         echo 1 >/proc/sys/net/ipv6/conf/up0/accept_ra",
    );
    host.lab.router.run(&sysctl("forwarding", 1));
    host.world.run(
        "ip -6 route del default
         ip -6 route add 2001:db8:1::/48 via fe80::1 dev w0
         echo 1 >/proc/sys/net/ipv6/conf/w0/forwarding
         ip address add 2001:db8:78::1/64 dev w0 nodad",
    );
    let advertiser = Autora::fast()
        .set("interface", "w0")
        .set("interface-regex", "^w0$");
    let daemon = advertiser.start(&host.world);
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
fn turning_forwarding_on_as_told_keeps_the_default_route() {
    let (host, _world) = uplink_by_advertisement();
    let check = host.check();
    let warning = check.findings.iter().find(|finding| finding.mark == '!').unwrap();
    assert_eq!(warning.requirement, "forwarding", "{}", check.text);
    host.lab.router.run(warning.mend.as_ref().unwrap());
    assert!(has_route_by_advertisement(&host.lab));
    let check = host.check();
    assert_eq!(check.marked('!'), [""; 0], "{}", check.text);
    check.expect('+', "way out", "up0");
}

#[test]
fn host_that_lost_its_default_route_by_forwarding() {
    let (host, _world) = uplink_by_advertisement();
    host.lab
        .router
        .run("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    assert!(
        !has_route_by_advertisement(&host.lab),
        "the kernel forgets it at once"
    );
    let check = host.check();
    check.expect(
        '!',
        "way out",
        "up0 hears Router Advertisements, and accept_ra is 1",
    );
    host.lab.router.run(&check.mend("way out"));
    host.lab
        .eventually("the default route", SOON, has_route_by_advertisement);
    assert_eq!(host.check().marked('!'), [""; 0]);
}

/// As systemd-networkd does it: `proto ra`, with `accept_ra` 0.
#[test]
fn advertisements_that_are_read_in_user_space_are_no_fault() {
    let host = Host::new();
    host.lab.router.run(
        "echo 0 >/proc/sys/net/ipv6/conf/up0/accept_ra
         ip -6 route replace default via fe80::9 dev up0 proto ra
         ip -6 route show default",
    );
    let check = host.check();
    check.expect('+', "way out", "up0");
    host.lab
        .router
        .run("echo 1 >/proc/sys/net/ipv6/conf/up0/accept_ra");
    host.check().expect('!', "way out", "it will lose that route");
}

#[test]
fn no_way_out_at_all() {
    let lab = Lab::new();
    check(&lab.router).expect('!', "way out", "no IPv6 default route");
}

#[test]
fn prefix_without_a_route() {
    let host = Host::new();
    host.lab.router.run(&format!(
        "ip address del 2001:db8:1:1::1/64 dev {TAP}
         ip address add 2001:db8:1:1::1/64 dev {TAP} nodad noprefixroute"
    ));
    host.lab.settle();
    let check = host.check();
    assert_eq!(
        (check.marked('x'), check.marked('!')),
        (vec![], vec!["route to the /64"]),
        "{}",
        check.text
    );
    let _serving = host.lab.serve(&Autora::slow());
    assert!(!host.guest_reaches_the_world());
    host.lab.router.run(&check.mend("route to the /64"));
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(host.guest_reaches_the_world());
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
    host.lab.router.run(&check.mend("route to the /64"));
    assert_eq!(host.check().marked('!'), [""; 0]);
}

#[test]
fn without_privilege_it_says_what_it_could_not_see() {
    let lab = Lab::new();
    let output = Finished::within(the_check().arg(TAP).unprivileged(&lab.router), WITHIN);
    let check = Check::of(&output);
    assert_eq!(check.status, 0, "{}", check.text);
    check.expect('-', "nftables", "not checked");
    assert_eq!(check.mend("nftables"), "sudo nft list ruleset");
}

/// A program of this name stands before the real one.
fn with_program(lab: &Lab, name: &str, script: &str) -> Check {
    let directory = scratch(&format!("check-{name}-{}", script.len()));
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    let mut command = lab.router.command("sh");
    let start = "chmod 755 \"$0/$1\"; export PATH=$0:$PATH; shift; exec \"$@\"";
    command.args(["-ec", start]).arg(&directory).arg(name);
    command.args([
        crate::harness::daemon::BINARY,
        "--interface-regex=^tap",
        "check",
        TAP,
    ]);
    let check = Check::of(&Finished::within(command, secs(20)));
    std::fs::remove_dir_all(&directory).unwrap();
    check
}

#[test]
fn a_tool_that_hangs_is_left_behind() {
    let lab = Lab::new();
    for (name, requirement) in [("nft", "nftables"), ("systemctl", "systemd")] {
        let check = with_program(&lab, name, "exec sleep 1000");
        assert_eq!(check.status, 0, "{}", check.text);
        check.expect('-', requirement, "no answer within 2 s");
    }
}

#[test]
fn an_instance_that_was_masked_is_a_cross() {
    let lab = Lab::new();
    let script = "test $# -gt 3; cat <<END
Id=autora.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=autora@tap-vm-1.service
LoadState=masked
ActiveState=inactive
END";
    let check = with_program(&lab, "systemctl", script);
    assert_eq!(
        (check.marked('x'), check.status),
        (vec!["instance"], 1),
        "{}",
        check.text
    );
    check.expect('x', "instance", "autora@tap-vm-1.service is masked");
}

#[test]
fn other_locales_and_terminals() {
    let lab = Lab::new();
    let plain = text_of(&the_check().arg(TAP).output(&lab.router));
    assert!(plain.is_ascii() && !plain.contains('\x1b'), "{plain}");
    let utf8 = the_check().arg(TAP).env("LC_ALL", "C.UTF-8").output(&lab.router);
    let utf8 = text_of(&utf8);
    assert!(utf8.contains("  ✓ up ") && !utf8.contains('\x1b'), "{utf8}");
}

/// The kernel's counter is the evidence, and the name of a program a hint.
#[test]
fn another_daemon_advertises() {
    let lab = Lab::new();
    let directory = scratch("check-radvd");
    let config = directory.join("radvd.conf");
    let text = format!("interface {TAP} {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; }};");
    std::fs::write(&config, text).unwrap();
    check(&lab.router).expect('+', "no other daemon", "none");
    let mut radvd = lab.router.command("radvd");
    radvd
        .args(["--nodaemon", "--logmethod=stderr"])
        .arg(format!("--config={}", config.display()))
        .arg(format!("--pidfile={}", directory.join("pid").display()));
    let radvd = crate::harness::Daemon::spawn(radvd);
    lab.eventually("a cross", SOON, |lab| check(&lab.router).status == 1);
    let found = check(&lab.router);
    assert_eq!(found.marked('x'), ["no other daemon"], "{}", found.text);
    found.expect('x', "no other daemon", "running here: radvd");
    assert_eq!(found.mend("no other daemon"), "systemctl stop radvd");
    drop(radvd);
    std::fs::remove_dir_all(directory).unwrap();
}
