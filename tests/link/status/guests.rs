//! What the neighbour table has of the guest: `autora status`, and `autora check NAME`.

use serde_json::Value;

use super::{ask, asking, instance, table};
use crate::check::{Check, check};
use crate::harness::capture::wall_clock;
use crate::harness::daemon::text_of;
use crate::harness::lab::{GUEST_LL, PREFIX, ROUTER_LL, TAP_INDEX};
use crate::harness::{Autora, GUEST, Lab, Rs, SOON, TAP};

/// The host's own address in the /64.
const HOST: &str = "2001:db8:1:1::1";
/// The one that the guest's kernel makes.
const GUEST_ADDRESS: &str = "2001:db8:1:1:0:ff:fe00:2";

fn configured(lab: &Lab) {
    lab.eventually("address and default route", SOON, |lab| {
        lab.guest_address(PREFIX).is_some() && lab.default_route().is_some()
    });
}

fn guest(lab: &Lab) -> Value {
    instance(lab)["guest"].clone()
}

/// The cell below GUEST in the table of all.
fn cell(lab: &Lab) -> String {
    let (text, _) = table(lab, &[]);
    let lines: Vec<_> = text.lines().collect();
    let column = lines[0].find("GUEST").unwrap();
    let row = lines.iter().find(|line| line.starts_with(TAP)).unwrap();
    row[column..column + "GUEST".len()].trim().to_owned()
}

#[test]
fn a_guest_that_uses_its_address_is_shown_with_it() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    configured(&lab);
    lab.guest.run(&format!("ping -6 -c 1 -W 5 {HOST}"));
    lab.router.run(&format!("ping -6 -c 1 -W 5 {GUEST_ADDRESS}"));
    lab.eventually("the address is confirmed", SOON, |lab| {
        guest(lab)["addresses"][0]["state"] == "reachable"
    });
    let shown = guest(&lab);
    let first = &shown["addresses"][0];
    assert_eq!(first["address"], GUEST_ADDRESS);
    assert_eq!(first["mac"], "02:00:00:00:00:02");
    assert_eq!(
        (&shown["in_prefix"], &shown["unanswered"]),
        (&1.into(), &0.into())
    );
    let changed = humantime::parse_rfc3339(first["changed"].as_str().unwrap()).unwrap();
    let changed = changed.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert!(wall_clock().abs_diff(changed) < SOON, "{first}");

    assert_eq!(cell(&lab), "1");
    let (text, status) = table(&lab, &[TAP]);
    assert_eq!(status, 0, "{text}");
    let words = format!("guest: as the guest claims: {GUEST_ADDRESS} (reachable, ");
    assert!(text.contains(&words), "{text}");
    let check = check(&lab.router);
    check.expect('+', "guest", &format!("as the guest claims: {GUEST_ADDRESS} ("));
}

/// It has its address, and nobody can know. What `autora check` says to do shows it.
#[test]
fn of_a_silent_guest_is_said_that_it_was_not_seen_and_how_to_ask_it() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    configured(&lab);
    let shown = guest(&lab);
    assert_eq!(
        (&shown["in_prefix"], &shown["link_local"]),
        (&0.into(), &0.into())
    );
    assert_eq!(shown["addresses"], Value::Array(Vec::new()));
    assert_eq!(cell(&lab), "0");
    let (text, status) = table(&lab, &[TAP]);
    assert_eq!(status, 0, "it is no error: {text}");
    let silent = format!("no guest address seen in {PREFIX}/64: the guest has not spoken to this host");
    assert!(text.contains(&silent), "{text}");

    let before = check(&lab.router);
    before.assert_crosses(&[]);
    before.expect('-', "guest", &silent);
    // Its link-local address says that it lives, and no more.
    lab.guest.run(&format!("ping -6 -c 1 -W 5 {ROUTER_LL}%{GUEST}"));
    let shown = guest(&lab);
    assert_eq!(
        (&shown["in_prefix"], &shown["link_local"]),
        (&0.into(), &1.into())
    );
    let (text, _) = table(&lab, &[TAP]);
    for words in [
        format!("as the guest claims: {GUEST_LL} ("),
        format!("no guest address seen in {PREFIX}/64: the guest has none, or has not used it"),
    ] {
        assert!(text.contains(&words), "{words}: {text}");
    }
    assert_eq!(cell(&lab), "0");

    let answer = lab.router.run(&before.fix("guest"));
    assert!(answer.contains(&format!("from {GUEST_ADDRESS}")), "{answer}");
}

/// Of many guests some are always idle.
#[test]
fn a_check_of_all_does_not_tell_who_is_silent() {
    let lab = Lab::new();
    let all = Check::of(&Autora::for_taps().arg("check").output(&lab.router));
    assert!(
        all.findings.iter().all(|finding| finding.requirement != "guest"),
        "{}",
        all.text
    );
}

#[test]
fn an_address_that_does_not_answer_is_not_taken_for_a_guest() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    let dead = "2001:db8:1:1::dead";
    let _ = lab.router.try_run(&format!("ping -6 -c 1 -W 5 {dead}"));
    let shown = guest(&lab);
    assert_eq!(
        (&shown["in_prefix"], &shown["unanswered"]),
        (&0.into(), &1.into())
    );
    assert_eq!(cell(&lab), "0");
    let (text, _) = table(&lab, &[TAP]);
    let words = format!("this host asked and got no answer from {dead} (");
    assert!(text.contains(&words), "{text}");
}

/// More than this would fill the table, which all tests of this machine share: `tests/vm/kinds` fills
/// that of a virtual machine.
const MADE_UP: u16 = 300;

#[test]
fn a_guest_that_makes_up_addresses_fills_no_page() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    configured(&lab);
    for number in 0..MADE_UP {
        agent.send(&solicits_from(&format!("2001:db8:1:1::bad:{number:x}")));
    }
    // And one outside, and the host's own.
    agent.send(&solicits_from("2001:db8:9::9"));
    agent.send(&solicits_from(HOST));
    lab.eventually("all are in the table", SOON, |lab| {
        guest(lab)["in_prefix"] == MADE_UP
    });
    let shown = guest(&lab);
    assert_eq!(shown["outside"], 1);
    assert_eq!(shown["addresses"].as_array().unwrap().len(), 8);
    assert_eq!(cell(&lab), "300");
    let (text, _) = table(&lab, &[TAP]);
    let words = format!(" and 292 more and 1 address outside {PREFIX}/64");
    assert!(text.contains(&words) && text.len() < 1500, "{text}");
    let check = check(&lab.router);
    check.expect('+', "guest", " and 292 more ");
}

/// A neighbour solicitation (RFC 4861, 4.3) for the host's address, from which its kernel learns
/// the neighbour `source`.
fn solicits_from(source: &str) -> Rs {
    let target: std::net::Ipv6Addr = HOST.parse().unwrap();
    let rs = Rs::default();
    Rs {
        kind: 135,
        source: source.parse().unwrap(),
        destination: "ff02::1:ff00:1".parse().unwrap(),
        options: [&target.octets()[..], &rs.options].concat(),
        ..rs
    }
}

#[test]
fn where_no_guest_can_be_seen_that_is_said() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    lab.router.run(&format!("ip link set {TAP} arp off"));
    lab.eventually("waiting", SOON, |lab| instance(lab)["state"] == "waiting");
    assert_eq!(guest(&lab), Value::Null);
    let (text, _) = table(&lab, &[TAP]);
    assert!(
        text.contains("guest: the kernel does no neighbour discovery on this link"),
        "{text}"
    );

    // The table of another network namespace is not read, nor what has the same index here.
    lab.guest.run(&format!(
        "ip link add other index {TAP_INDEX} type veth peer name its-peer"
    ));
    let output = ask(&lab.guest, &asking("json").arg(TAP));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["instances"][0]["guest"], Value::Null);
    assert!(!text_of(&ask(&lab.guest, &asking("table").arg(TAP))).contains("guest:"));
}
