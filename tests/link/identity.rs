//! Whose interface it is: this one, no namesake, and only one daemon.

use nix::sys::signal::Signal;

use crate::harness::daemon::{BINARY, Finished, text_of};
use crate::harness::lab::TAP_INDEX;
use crate::harness::{Agent, Autora, Capture, Daemon, GUEST, Lab, NOISE, SOON, TAP, ms, secs};

/// 100 ms in the contract, and what the machine's noise may add.
const PROMPTLY: std::time::Duration = ms(100 + 200);

#[test]
fn renamed() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    capture.skip();
    lab.router.run(&format!(
        "ip link set {TAP} down; ip link set {TAP} name tap-vm-9"
    ));
    assert_eq!(daemon.exit_within(PROMPTLY), 0);
    lab.router.run("ip link set tap-vm-9 up");
    capture.assert_silent_for(ms(500));
}

#[test]
fn deleted() {
    let lab = Lab::new();
    let (mut daemon, _capture) = lab.serve(&Autora::fast());
    lab.router.run(&format!("ip link delete {TAP}"));
    assert_eq!(daemon.exit_within(PROMPTLY), 0);
}

#[test]
fn moved_to_another_namespace() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    let elsewhere = lab.router.sibling();
    capture.skip();
    lab.router
        .run(&format!("ip link set {TAP} netns {}", elsewhere.pid()));
    assert_eq!(daemon.exit_within(PROMPTLY), 0);
    elsewhere.run(&format!("ip link set {TAP} up"));
    capture.assert_silent_for(ms(500));
}

/// The daemon sleeps through it all, so that it finds the namesake.
fn replaced_while_it_slept(lab: &Lab, daemon: &mut Daemon, replace: &str) -> (i32, Capture) {
    daemon.signal(Signal::SIGSTOP);
    lab.router.run(replace);
    lab.guest.run(&format!("ip link set {GUEST} up"));
    let capture = lab.capture();
    daemon.signal(Signal::SIGCONT);
    (daemon.exit_within(PROMPTLY), capture)
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

#[test]
fn second_daemon_says_so_and_ends() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    let second = Autora::fast().output(&lab.router);
    let said = text_of(&second);
    assert_eq!(second.status.code(), Some(78), "{said}");
    assert!(said.contains(TAP) && said.contains("already"), "{said}");
    let _ = capture.ra_within(SOON);
    assert!(daemon.is_running());

    // Its claim dies with it, however it ends.
    daemon.signal(Signal::SIGKILL);
    assert!(daemon.log.wait_closed(SOON));
    let _third = Autora::fast().start(&lab.router);
    let _ = capture.ra_within(SOON);
}

#[test]
fn second_daemon_for_another_interface_is_welcome() {
    let lab = Lab::new();
    let (mut daemon, _capture) = lab.serve(&Autora::fast());
    lab.router.run(
        "ip link add tap-vm-2 type veth peer name other
         echo 1 >/proc/sys/net/ipv6/conf/tap-vm-2/forwarding
         ip link set other up; ip link set tap-vm-2 up
         ip address add 2001:db8:2:2::1/64 dev tap-vm-2 nodad",
    );
    let mut capture = Capture::start(&lab.router, "other");
    let _second = Autora::fast().set("interface", "tap-vm-2").start(&lab.router);
    assert_eq!(capture.ra_within(SOON).prefix.to_string(), "2001:db8:2:2::");
    assert!(daemon.is_running());
}

#[test]
fn same_name_in_another_namespace_is_another_interface() {
    let lab = Lab::new();
    let (_daemon, _capture) = lab.serve(&Autora::fast());
    let other = lab.router.sibling();
    other.run(&format!(
        "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
         ip link add {TAP} type veth peer name {GUEST}
         echo 1 >/proc/sys/net/ipv6/conf/{TAP}/forwarding
         ip link set {GUEST} up; ip link set {TAP} up
         ip address add 2001:db8:2:2::1/64 dev {TAP} nodad"
    ));
    let mut capture = Capture::start(&other, GUEST);
    let _second = Autora::fast().start(&other);
    let _ = capture.ra_within(SOON);
}

/// Any name in the abstract namespace can be taken by any local user, and a
/// dry run or a start without the capability must not count as serving.
#[test]
fn unprivileged_user_cannot_keep_it_from_serving() {
    let lab = Lab::new();
    // What a serving daemon claims is there for everyone to see.
    let daemon = Autora::fast().start(&lab.router);
    let mut first = lab.capture();
    let _ = first.ra_within(SOON);
    let sockets = lab.router.run("cat /proc/net/unix");
    let names: Vec<String> = sockets
        .lines()
        .filter_map(|line| Some(line.split_once(" @")?.1.to_owned()))
        .collect();
    drop(daemon);

    let mut squatter = Agent::unprivileged(&lab.router);
    for name in names.iter().filter(|name| name.contains("autora")) {
        squatter.squat(name);
    }
    let mut dry = Daemon::spawn(Autora::fast().arg("--dry-run").unprivileged(&lab.router));
    dry.expect_log(&[TAP], SOON);
    let refused = Finished::within(Autora::fast().unprivileged(&lab.router), SOON);
    assert_eq!(refused.status.code(), Some(77), "{}", text_of(&refused));

    let (mut daemon, _capture) = lab.serve(&Autora::fast());
    assert!(daemon.is_running());
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
    let output = Finished::within(Autora::fast().unprivileged(&lab.router), SOON);
    let said = text_of(&output);
    assert_eq!(output.status.code(), Some(77), "{said}");
    assert!(said.contains("CAP_NET_RAW"), "{BINARY}: {said}");
}
