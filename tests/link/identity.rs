//! Whose interface it is: this one, and no namesake.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::failures::overflow;
use crate::harness::daemon::{BINARY, text_of};
use crate::harness::lab::TAP_INDEX;
use crate::harness::{Autora, Capture, Daemon, GUEST, Lab, NOISE, SOON, TAP, ms, secs};

/// What the daemon promises. Other tests make and delete interfaces at the same
/// time, which holds up everybody who asks the kernel for one: the best of some
/// attempts counts, and every one must end with status 0.
const PROMPTLY: Duration = ms(100);

/// Takes the interface away from a serving daemon, by a script for the router's
/// namespace; then `after` sees to it that nothing more was sent.
fn ends_promptly(script: impl Fn(&Lab) -> String, after: impl Fn(&Lab, &mut Capture)) {
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
    ends_promptly(
        |_| format!("ip link set {TAP} down; ip link set {TAP} name tap-vm-9"),
        |lab, capture| {
            lab.router.run("ip link set tap-vm-9 up");
            capture.assert_silent_for(ms(500));
        },
    );
}

#[test]
fn deleted() {
    ends_promptly(|_| format!("ip link delete {TAP}"), |_, _| {});
}

#[test]
fn moved_to_another_namespace() {
    ends_promptly(
        |lab| {
            let pid = lab.guest.pid();
            format!("ip link set {TAP} netns {pid}; nsenter --target={pid} --net ip link set {TAP} up")
        },
        |_, capture| capture.assert_silent_for(ms(500)),
    );
}

/// The daemon sleeps through it all, so that it finds the namesake.
fn replaced_while_it_slept(lab: &Lab, daemon: &mut Daemon, replace: &str) -> (i32, Capture) {
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
fn replaced_by_a_namesake() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    let (status, mut capture) = replaced_while_it_slept(&lab, &mut daemon, &other_index(&lab));
    assert_eq!(status, 75);
    capture.assert_silent_for(ms(300));
}

#[test]
fn replaced_before_its_eyes() {
    let lab = Lab::new();
    let (mut daemon, _capture) = lab.serve(&Autora::fast());
    lab.router.run(&format!("ip link delete {TAP}; {}", lab.plug()));
    let status = daemon.exit_within(secs(1));
    // It may have gone before the namesake came.
    assert!([0, 75].contains(&status), "{status}");
}

#[test]
fn reused_index_under_another_name_never_gets_a_packet() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    let plug = lab.plug().replace(TAP, "tap-vm-2");
    let replace = format!("ip link delete {TAP}; {plug}");
    let (status, mut capture) = replaced_while_it_slept(&lab, &mut daemon, &replace);
    assert_eq!(status, 0);
    capture.assert_silent_for(secs(1));
}

#[test]
fn reused_index_under_the_same_name_never_gets_a_packet() {
    let lab = Lab::new();
    let (mut daemon, _) = lab.serve(&Autora::fast());
    let replace = format!("ip link delete {TAP}; {}", lab.plug());
    let (status, mut capture) = replaced_while_it_slept(&lab, &mut daemon, &replace);
    assert_eq!(status, 75);
    capture.assert_silent_for(secs(1));
}

/// No event tells of it, and what is read looks the same: only the socket
/// knows.
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

/// Nothing is to be sent there, so no send finds out.
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

/// Much of what an interface name may hold.
#[test]
fn odd_names_are_served() {
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
    // The default serves nothing.
    let output = Autora::fast().unset("interface-regex").output(&lab.router);
    assert_eq!(output.status.code(), Some(78), "{}", text_of(&output));
    capture.assert_silent_for(NOISE);
}

#[test]
fn without_the_capability_it_says_so() {
    let lab = Lab::new();
    let output = Autora::fast().unprivileged_output(&lab.router);
    let said = text_of(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(said.contains("CAP_NET_RAW"), "{BINARY}: {said}");
}
