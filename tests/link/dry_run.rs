//! `--dry-run`: everything except sending, without any privilege.

use std::time::Duration;

use crate::harness::agent::to_hex;
use crate::harness::daemon::{Daemon, text_of};
use crate::harness::{Autora, Lab, SOON, TAP, ms};

const WITHIN: Duration = SOON;

/// The first bytes of the packet, up to its checksum or past it.
const PREFIX_IN_HEX: &str = "20010db800010001";

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != ':').collect()
}

#[test]
fn without_an_interface_it_reports_on_each_and_exits() {
    let lab = Lab::new();
    lab.router.run("ip link add tap-vm-2 type veth peer name eth9");
    let autora = Autora::for_taps().arg("--dry-run");
    let output = autora.unprivileged_output(&lab.router);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for words in ["lo", TAP, "tap-vm-2", "eth9", "2001:db8:1:1::", "fe80::ff:fe00:1"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(squeezed(&text).contains(PREFIX_IN_HEX), "the packet: {text}");
    assert!(text.contains("down"), "why tap-vm-2 is not served: {text}");

    // The daemon sends the same packet.
    let (_daemon, capture) = lab.serve(&Autora::fast());
    let sent = &capture.ras()[0].message;
    assert!(squeezed(&text).contains(&to_hex(sent)), "{sent:02x?}: {text}");
}

#[test]
fn with_an_interface_it_logs_its_packets_and_sends_none() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let autora = Autora::fast().arg("--dry-run");
    let mut daemon = Daemon::spawn(autora.unprivileged(&lab.router));
    daemon.expect_log(&["2001:db8:1:1::"], WITHIN);
    daemon.expect_log(&["2001:db8:1:1::"], WITHIN);
    assert!(
        squeezed(&daemon.text()).contains(PREFIX_IN_HEX),
        "{}",
        daemon.text()
    );
    lab.router
        .run(&format!("echo 0 >/proc/sys/net/ipv6/conf/{TAP}/forwarding"));
    daemon.expect_log(&["forwarding is 0"], WITHIN);
    capture.assert_silent_for(ms(300));
}

#[test]
fn from_the_environment() {
    let lab = Lab::new();
    let autora = Autora::bare()
        .env("AUTORA_INTERFACE_REGEX", "^tap-vm-[0-9]+$")
        .env("AUTORA_DRY_RUN", "true");
    let output = autora.unprivileged_output(&lab.router);
    assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    assert!(text_of(&output).contains("2001:db8:1:1::"));
}

/// If several match, the message lists a command for each.
#[test]
fn without_a_name_the_only_match_is_served() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let autora = Autora::fast().unset("interface");
    let daemon = autora.start(&lab.router);
    let _ = capture.ra_within(WITHIN);
    drop(daemon);

    lab.router.run("ip link add tap-vm-2 type veth peer name other");
    let output = autora.output(&lab.router);
    let text = text_of(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    for name in [TAP, "tap-vm-2"] {
        assert!(text.contains(&format!("--interface {name}")), "{text}");
    }

    let output = autora.set("interface-regex", "^vnet").output(&lab.router);
    assert_eq!(output.status.code(), Some(66), "{}", text_of(&output));
}
