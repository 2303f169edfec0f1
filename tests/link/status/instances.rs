//! How instances are shown, and interfaces without one.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Published, ask, asking, document, instance, table};
use crate::failures::drop_egress;
use crate::harness::daemon::text_of;
use crate::harness::lab::{GUEST_LL, PREFIX, ROUTER_LL, TAP_INDEX};
use crate::harness::namespace::Namespace;
use crate::harness::{Autora, Lab, MIN_DELAY_BETWEEN_RAS, Rs, SOON, TAP, ms, secs};

#[test]
fn the_state_and_its_changes_are_shown() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    lab.eventually("advertising", SOON, |lab| instance(lab)["ra_sent"] == 1);
    let shown = instance(&lab);
    assert_eq!(shown["interface"], TAP);
    assert_eq!(shown["ifindex"], TAP_INDEX);
    assert_eq!(shown["state"], "advertising");
    assert_eq!(shown["prefix"], format!("{PREFIX}/64"));
    assert_eq!(shown["source"], ROUTER_LL.to_string());
    assert_eq!(shown["reason"], Value::Null);
    assert_eq!(shown["overdue"], false);
    let (text, status) = table(&lab, &[TAP]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("advertising") && !text.contains('\x1b'), "{text}");

    let conf = format!("/proc/sys/net/ipv6/conf/{TAP}/forwarding");
    lab.router.run(&format!("echo 0 >{conf}"));
    lab.eventually("waiting", SOON, |lab| instance(lab)["reason"] == "not-forwarding");
    let shown = instance(&lab);
    assert_eq!(shown["state"], "waiting");
    assert_eq!(shown["prefix"], Value::Null);
    let (text, status) = table(&lab, &[TAP]);
    assert_eq!(status, 0, "waiting is no error: {text}");
    assert!(text.contains("forwarding is 0: sysctl -w"), "{text}");

    lab.router.run(&format!("echo 1 >{conf}"));
    lab.eventually("advertising again", SOON, |lab| {
        instance(lab)["state"] == "advertising"
    });
}

#[test]
fn the_counters_are_those_of_the_wire() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let (_daemon, mut capture) = lab.serve(&Autora::slow());
    std::thread::sleep(MIN_DELAY_BETWEEN_RAS);
    let bad_checksum = Rs {
        checksum_good: false,
        ..Rs::default()
    };
    let bad_code = Rs {
        code: 1,
        ..Rs::default()
    };
    let rogue = Rs {
        kind: 134,
        source: GUEST_LL,
        options: vec![0; 8],
        ..Rs::default()
    };
    agent.send_times(&bad_checksum, 2);
    agent.send(&bad_code);
    agent.send_times(&rogue, 3);
    lab.eventually("foreign RAs", SOON, |lab| instance(lab)["foreign_ra_seen"] == 3);
    for _ in 0..2 {
        agent.send(&Rs::default());
        let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + ms(800));
    }
    lab.eventually("the second answer", SOON, |lab| instance(lab)["rs_answered"] == 2);
    let shown = instance(&lab);
    assert_eq!(shown["ra_sent"], capture.ras().len());
    assert_eq!(shown["rs_dropped"], serde_json::json!({"checksum": 2, "code": 1}));
    assert_eq!(shown["send_errors"], 0);
}

/// Its last state is shown, marked as late, and `autora status` does not block.
#[test]
fn an_instance_that_hangs_is_overdue() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::fast());
    daemon.signal(Signal::SIGSTOP);
    assert_eq!(instance(&lab)["overdue"], false);
    lab.eventually("overdue", secs(4 + 10) + SOON, |lab| {
        instance(lab)["overdue"] == true
    });
    let (text, status) = table(&lab, &[]);
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("overdue") && text.contains(" late"), "{text}");
    daemon.signal(Signal::SIGCONT);
    lab.eventually("served again", SOON, |lab| instance(lab)["overdue"] == false);
}

#[test]
fn an_instance_that_cannot_send_is_overdue() {
    let lab = Lab::new();
    let (_daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(&drop_egress());
    lab.eventually("overdue", secs(4 + 10) + SOON, |lab| {
        instance(lab)["overdue"] == true
    });
    let errors = instance(&lab)["send_errors"].as_u64().unwrap();
    assert!(errors >= 2, "{errors}");
    lab.router.run("nft delete table netdev t");
    let _ = capture.ra_within(secs(10));
    lab.eventually("served again", SOON, |lab| instance(lab)["overdue"] == false);
}

/// An instance cannot delete its own file at its end, so each start deletes some of others.
#[test]
fn a_start_deletes_the_files_of_interfaces_that_are_gone_and_no_others() {
    let lab = Lab::new();
    let published = Published::new("dead");
    let autora = published.by(Autora::slow());
    let (mut daemon, mut capture) = lab.serve(&autora);
    let own = published.file();
    let named = |name: String| published.directory.join(name);
    let namespace = own.file_stem().unwrap().to_str().unwrap().to_owned();
    let dead = named(format!("{namespace}.4242"));
    // The loopback interface, another namespace, and no state file at all.
    let others = [
        named(format!("{namespace}.1")),
        named("1.4242".to_owned()),
        named("4242".to_owned()),
    ];
    for file in others.iter().chain([&dead]) {
        fs::write(file, "").unwrap();
    }
    daemon.signal(Signal::SIGHUP);
    assert_eq!(daemon.exit_within(SOON), 75);
    let _next = autora.start(&lab.router);
    let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + SOON);
    assert!(!dead.exists());
    assert!(own.exists() && others.iter().all(|file| file.exists()));
}

#[test]
fn an_exited_process_is_not_shown_and_the_next_one_counts_a_restart() {
    let lab = Lab::new();
    for restarts in 0..3 {
        let mut daemon = Autora::slow().start(&lab.router);
        lab.eventually("it runs", SOON, |lab| {
            document(lab)["instances"][0]["restarts"] == restarts
        });
        assert_eq!(instance(&lab)["pid"], daemon.pid());
        if restarts == 1 {
            daemon.signal(Signal::SIGTERM);
            assert_eq!(daemon.exit_within(SOON), 0);
        }
        drop(daemon);
        let document = document(&lab);
        assert_eq!(document["instances"], serde_json::json!([]));
        assert_eq!(document["without_instance"][0]["interface"], TAP);
        assert_eq!(document["without_instance"][0]["reason"], "not-started");
        let (text, status) = table(&lab, &[]);
        assert_eq!(status, 1, "{text}");
    }
}

#[test]
fn an_interface_without_an_instance_is_shown_with_the_cause() {
    let lab = Lab::new();
    lab.router.run("ip link add tap-vm-10 type veth peer name other");
    let (text, status) = table(&lab, &[]);
    assert_eq!(status, 1, "{text}");
    for words in [
        &format!("autora --interface {TAP}\n")[..],
        "autora --interface tap-vm-10; once started, it would not advertise: it is down: ip link set tap-vm-10 up",
        "0 instances; 2 interfaces without an instance",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("other "), "it does not match: {text}");
    let (text, status) = table(&lab, &["other", "nix"]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains("does not match the pattern '^tap-vm-[0-9]+$'"),
        "{text}"
    );
    assert!(text.contains("there is no such interface"), "{text}");
    assert!(!text.contains(TAP), "only what was named: {text}");

    lab.router
        .run(&format!("ip link property add dev {TAP} altname tap-vm-99"));
    let (text, status) = table(&lab, &["tap-vm-99"]);
    assert_eq!(status, 1, "{text}");
    assert!(
        text.contains(
            "alternative-name: tap-vm-99 is an alternative name of tap-vm-1: autora status tap-vm-1"
        ),
        "{text}"
    );

    // No interface matches, so none is missing.
    let nothing = asking("table").set("interface-regex", "^vnet");
    let output = ask(&lab.router, &nothing);
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert!(
        text_of(&output).contains("no interface here matches"),
        "{}",
        text_of(&output)
    );
}

#[test]
fn running_instances_are_shown_even_if_the_pattern_is_refused() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    let output = ask(&lab.router, &asking("table").set("interface-regex", "(["));
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(
        text.contains("advertising") && text.contains("--interface-regex"),
        "{text}"
    );
}

#[test]
fn an_instance_of_another_network_namespace_is_marked() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::slow());
    let seen_by = |namespace: &Namespace, format: &str| {
        let output = ask(namespace, &asking(format).arg(TAP));
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(!seen_by(&lab.router, "table").contains("another network namespace"));
    assert!(seen_by(&lab.guest, "table").contains("in another network namespace, net:["));
    let document: Value = serde_json::from_str(&seen_by(&lab.guest, "json")).unwrap();
    assert_eq!(document["instances"][0]["other_namespace"], true);
    assert!(seen_by(&lab.guest, "prometheus").contains(r#"interface="tap-vm-1",namespace=""#));
}
