//! Findings on firewall rules agree with what the kernel does with the packets.

use super::{Check, Host, the_check};
use crate::harness::lab::{PREFIX, ROUTER_LL};
use crate::harness::{Autora, GUEST, Lab, Rs, SOON, TAP, ms, secs};

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
    assert_dropped_and_fixed(&host, "icmpv6 type { nd-router-advert, nd-redirect } counter");
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
    assert_dropped_and_fixed(&host, "the policy of the chain netdev guard out");
}

/// There is a cross and the guest gets no advertisement; the command fixes both.
fn assert_dropped_and_fixed(host: &Host, words: &str) {
    let lab = &host.lab;
    let check = host.check();
    check.assert_crosses(&["RA out"]);
    check.expect('x', "RA out", words);
    let mut capture = lab.capture();
    let mut daemon = Autora::fast().start(&lab.router);
    daemon.expect_log(&["advertising 2001:db8:1:1::/64"], SOON);
    capture.assert_silent_for(secs(1));
    lab.router.run(&check.fix("RA out"));
    assert_eq!(host.check().status, 0);
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);
}

/// For each rule, compares the finding with whether the advertisement arrives.
#[test]
fn findings_on_rules_agree_with_the_kernel() {
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
        // It has to send at once, so it must not find the state of the last process.
        let mut daemon = Autora::slow()
            .env("RUNTIME_DIRECTORY", "/nowhere")
            .start(&lab.router);
        daemon.expect_log(&["advertising 2001:db8:1:1::/64"], SOON);
        let arrived = capture.try_ra_within(ms(500)).is_some();
        assert_eq!(mark, if arrived { '+' } else { 'x' }, "{rules}\n{}", check.text);
        lab.router.run("nft flush ruleset");
    }
}

/// Rules for other devices or other packets, or after an accept.
#[test]
fn rules_that_do_not_apply_are_ignored() {
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
    check.assert_marked(&[], &[]);
    let _ = host.lab.serve(&Autora::slow());
    assert!(host.guest_reaches_the_internet());
}

#[test]
fn rule_that_may_drop_is_a_warning() {
    let host = Host::new();
    host.nft(&format!(
        "table netdev guard {{
           chain out {{ type filter hook egress device {TAP} priority 0; limit rate over 1/second drop
           }}
         }}"
    ));
    let check = host.check();
    check.assert_crosses(&[]);
    let finding = check.expect('!', "RA out", "limit rate over 1/second");
    assert!(finding.found.contains("may drop"), "{}", check.text);
    // The command shows the rule.
    assert!(
        host.lab
            .router
            .run(&check.fix("RA out"))
            .contains("limit rate over 1/second")
    );
}

/// A comment or a name may be anybody's text.
#[test]
fn text_of_rules_commands_no_terminal() {
    let host = Host::new();
    host.nft(&format!(
        "table netdev guard {{
           chain out {{ type filter hook egress device {TAP} priority 0; drop comment \"\x1b[2J\u{202e}\u{9b}x\"
           }}
         }}"
    ));
    let check = host.check();
    check.expect('x', "RA out", r#"drop comment "\u{1b}[2J\u{202e}\u{9b}x""#);
}

/// The socket stands before the hook: the solicitation is answered.
#[test]
fn ingress_rule_does_not_drop_solicitations_for_the_daemon() {
    let host = Host::new();
    let (_daemon, mut capture) = host.lab.serve(&Autora::slow());
    host.nft(&format!(
        "table netdev guard {{
           chain in {{ type filter hook ingress device {TAP} priority 0; icmpv6 type nd-router-solicit counter drop
           }}
         }}"
    ));
    let check = host.check();
    check.assert_marked(&[], &[]);
    let mut agent = host.lab.agent();
    agent.send(&Rs::default());
    let _ = capture.ra_within(SOON);
    let counted = host.lab.router.run("nft list ruleset");
    assert!(counted.contains("packets 1"), "the rule saw it: {counted}");
}

/// Whether the host answers neighbour solicitations of the guest.
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
fn input_policy_drops_neighbour_discovery_but_no_advertisement() {
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
    check.assert_marked(&[], &["ND"]);
    check.expect('!', "ND", "the policy of the chain inet filter input drops");
    let (_daemon, mut capture) = host.lab.serve(&Autora::slow());
    let mut agent = host.lab.agent();
    agent.send(&Rs::default());
    let _ = capture.ra_within(SOON);
    assert!(!guest_resolves_the_host(&host.lab));

    host.lab.router.run(&check.fix("ND"));
    assert_eq!(host.check().marked('!'), [""; 0]);
    assert!(guest_resolves_the_host(&host.lab));
    assert!(host.guest_reaches_the_internet());
}

#[test]
fn forward_policy_drops_packets_of_the_guest() {
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
    check.assert_marked(&[], &["from the guest", "to the guest"]);
    host.assert_fixed(&check, &["from the guest", "to the guest"]);
}

#[test]
fn rule_at_the_uplink_drops_packets_of_the_guest() {
    let host = Host::new();
    host.nft(
        "table netdev guard {
           chain up { type filter hook egress device up0 priority 0; ip6 saddr 2001:db8:1::/48 drop
           }
         }",
    );
    let check = host.check();
    check.expect('!', "from the guest", "ip6 saddr 2001:db8:1::/48 drop");
    host.assert_fixed(&check, &["from the guest"]);
}

/// On a bridge the socket's packets pass the hooks of the bridge family.
#[test]
fn bridge_with_its_own_rules() {
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
    lab.eventually("no cross for the bridge", SOON, |_| {
        check().marked('x').is_empty()
    });
    assert_eq!(check().marked('!'), [""; 0], "{}", check().text);
    let port = host.check();
    port.expect('x', "no port", "serve that one instead");

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
    lab.router.run(&dropped.fix("RA out"));
    assert_eq!(check().status, 0);
    assert_eq!(capture.ra_within(SOON).prefix, PREFIX);

    // So do those of its ports, which check does not know.
    host.nft(&format!(
        "table netdev guard {{
           chain port {{ type filter hook egress device {TAP} priority 0; icmpv6 type nd-router-advert drop
           }}
         }}"
    ));
    check().expect('!', "RA out", "in the chain netdev guard port may drop");
    capture.skip();
    capture.assert_silent_for(secs(5));
    lab.router.run("nft delete table netdev guard");

    host.nft("table bridge guard { chain in { type filter hook input priority 0; icmpv6 type nd-router-solicit drop\n}\n}");
    let without_rs = check();
    assert_eq!(without_rs.status, 0);
    without_rs.expect('!', "RS in", "in the chain bridge guard in");
    lab.router.run(&without_rs.fix("RS in"));
    assert_eq!(check().marked('!'), [""; 0]);
}
