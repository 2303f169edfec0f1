//! The daemon serves its own interface, and never another one with the same name or index.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::failures::overflow;
use crate::harness::daemon::{BINARY, text_of};
use crate::harness::lab::TAP_INDEX;
use crate::harness::{Autora, Capture, Daemon, GUEST, Lab, NOISE, SOON, TAP, ms, secs};

/// How soon the daemon exits. Other tests create and delete interfaces at the
/// same time, which delays every netlink request: only the best of some attempts
/// has to meet it, and every one must exit with status 0.
const PROMPTLY: Duration = ms(100);

/// Removes the interface of a serving daemon with a script in the router's
/// namespace; then `after` checks that nothing more was sent.
fn assert_prompt_exit(script: impl Fn(&Lab) -> String, after: impl Fn(&Lab, &mut Capture)) {
    let mut delays = Vec::new();
    for _ in 0..5 {
        let lab = Lab::new();
        let (mut daemon, mut capture) = lab.serve(&Autora::fast());
        lab.router.run(&script(&lab));
        let gone = Instant::now();
        assert_eq!(daemon.exit_within(SOON), 0);
        delays.push(gone.elapsed());
        after(&lab, &mut capture);
        if delays.last() <= Some(&PROMPTLY) {
            return;
        }
    }
    panic!("never within {PROMPTLY:?}: {delays:?}");
}

#[test]
fn renamed() {
    assert_prompt_exit(
        |_| format!("ip link set {TAP} down; ip link set {TAP} name tap-vm-9"),
        |lab, capture| {
            lab.router.run("ip link set tap-vm-9 up");
            capture.assert_silent_for(ms(500));
        },
    );
}

#[test]
fn deleted() {
    assert_prompt_exit(|_| format!("ip link delete {TAP}"), |_, _| {});
}

#[test]
fn moved_to_another_namespace() {
    assert_prompt_exit(
        |lab| {
            let pid = lab.guest.pid();
            format!("ip link set {TAP} netns {pid}; nsenter --target={pid} --net ip link set {TAP} up")
        },
        |_, capture| capture.assert_silent_for(ms(500)),
    );
}

/// Stops the process meanwhile, so that it finds the replacement.
fn replace_while_stopped(lab: &Lab, daemon: &mut Daemon, replace: &str) -> (i32, Capture) {
    daemon.signal(Signal::SIGSTOP);
    lab.router.run(replace);
    lab.guest.run(&format!("ip link set {GUEST} up"));
    let capture = lab.capture();
    daemon.signal(Signal::SIGCONT);
    (daemon.exit_within(SOON), capture)
}

fn other_index(lab: &Lab) -> String {
    let plug = lab.plug().replace(&format!("index {TAP_INDEX}"), "index 77");
    format!("ip link delete {TAP}; {plug}")
}

#[test]
fn replaced_by_one_of_the_same_name() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    let (status, mut capture) = replace_while_stopped(&lab, &mut daemon, &other_index(&lab));
    assert_eq!(status, 75);
    capture.assert_silent_for(ms(300));
}

#[test]
fn replaced_while_it_runs() {
    let lab = Lab::new();
    let (mut daemon, _capture) = lab.serve(&Autora::fast());
    lab.router.run(&format!("ip link delete {TAP}; {}", lab.plug()));
    let status = daemon.exit_within(secs(1));
    // The daemon may have exited before the replacement existed.
    assert!([0, 75].contains(&status), "{status}");
}

#[test]
fn reused_index_under_another_name_never_gets_a_packet() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    let plug = lab.plug().replace(TAP, "tap-vm-2");
    let replace = format!("ip link delete {TAP}; {plug}");
    let (status, mut capture) = replace_while_stopped(&lab, &mut daemon, &replace);
    assert_eq!(status, 0);
    capture.assert_silent_for(secs(1));
}

#[test]
fn reused_index_under_the_same_name_never_gets_a_packet() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    let replace = format!("ip link delete {TAP}; {}", lab.plug());
    let (status, mut capture) = replace_while_stopped(&lab, &mut daemon, &replace);
    assert_eq!(status, 75);
    capture.assert_silent_for(secs(1));
}

/// The event is lost, and the state is the same: only the socket notices.
#[test]
fn reused_index_after_an_overflow_of_events_never_gets_a_packet() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    daemon.signal(Signal::SIGSTOP);
    overflow(&lab);
    lab.router.run(&format!("ip link delete {TAP}; {}", lab.plug()));
    let mut capture = lab.capture();
    daemon.signal(Signal::SIGCONT);
    assert_eq!(daemon.exit_within(SOON), 75);
    capture.assert_silent_for(ms(300));
}

/// Nothing is due to be sent, so no failed send reveals it.
#[test]
fn reused_index_after_an_overflow_of_events_is_noticed_where_nothing_is_sent() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    daemon.signal(Signal::SIGSTOP);
    overflow(&lab);
    lab.router.run(&format!(
        "ip link delete {TAP}; {}; echo 2 >/proc/sys/net/ipv6/conf/{TAP}/accept_ra",
        lab.plug()
    ));
    daemon.signal(Signal::SIGCONT);
    assert_eq!(daemon.exit_within(SOON), 75);
}

/// Names with many of the characters that are allowed.
#[test]
fn names_with_unusual_characters_are_served() {
    let lab = Lab::new();
    for name in ["t;$1\"&|*", "-x", "a--b.c@d", "\u{fc}ber"] {
        lab.router.run(&format!(
            "ip link set {TAP} down; ip link set {TAP} name '{name}'; ip link set dev '{name}' up
             ip address add 2001:db8:1:1::1/64 dev '{name}' nodad"
        ));
        let autora = Autora::fast().set("interface", name).set("interface-regex", ".");
        let (daemon, _capture) = lab.serve(&autora);
        drop(daemon);
        lab.router.run(&format!(
            "ip link set dev '{name}' down; ip link set dev '{name}' name {TAP}"
        ));
    }
}

#[test]
fn no_such_interface() {
    let lab = Lab::new();
    let output = Autora::fast().set("interface", "tap-vm-77").output(&lab.router);
    let said = text_of(&output);
    assert_eq!(output.status.code(), Some(66), "{said}");
    assert!(said.contains("tap-vm-77"), "{said}");
}

#[test]
fn name_that_does_not_match_is_refused() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let output = Autora::fast().set("interface-regex", "^vnet").output(&lab.router);
    let said = text_of(&output);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains(TAP) && said.contains("^vnet"), "{said}");
    // The default pattern matches nothing.
    let output = Autora::fast().unset("interface-regex").output(&lab.router);
    assert_eq!(output.status.code(), Some(78), "{}", text_of(&output));
    capture.assert_silent_for(NOISE);
}

#[test]
fn missing_capability_is_reported() {
    let lab = Lab::new();
    let output = Autora::fast().unprivileged_output(&lab.router);
    let said = text_of(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(said.contains("CAP_NET_RAW"), "{BINARY}: {said}");
}
