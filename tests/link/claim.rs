//! Only one daemon serves an interface, and no other program can prevent it.

use nix::sys::signal::Signal;

use crate::harness::daemon::text_of;
use crate::harness::{Agent, Autora, Capture, Daemon, GUEST, Lab, SOON, TAP, secs};

#[test]
fn only_one_of_several_that_start_at_once_serves() {
    let lab = Lab::new();
    let mut capture = lab.capture();
    let mut daemons: Vec<_> = (0..5).map(|_| Autora::slow().start(&lab.router)).collect();
    let _ = capture.ra_within(SOON);
    let ended = |daemon: &mut Daemon| daemon.log.wait_closed(secs(2));
    let (mut refused, serving): (Vec<_>, Vec<_>) = {
        let all = daemons.drain(..).map(|mut daemon| (ended(&mut daemon), daemon));
        all.partition(|(ended, _)| *ended)
    };
    assert_eq!(serving.len(), 1);
    for (_, daemon) in &mut refused {
        assert_eq!(daemon.exit_within(SOON), 78);
    }
    assert_eq!(capture.ras().len(), 1);
}

#[test]
fn second_daemon_logs_it_and_exits() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    let second = Autora::fast().output(&lab.router);
    let said = text_of(&second);
    assert_eq!(second.status.code(), Some(78), "{said}");
    assert!(said.contains(TAP) && said.contains("already"), "{said}");
    let _ = capture.ra_within(SOON);
    assert!(daemon.is_running());

    // The claim is released however the process ends.
    daemon.signal(Signal::SIGKILL);
    assert!(daemon.log.wait_closed(SOON));
    let _third = Autora::fast().start(&lab.router);
    let _ = capture.ra_within(SOON);
}

#[test]
fn second_daemon_for_another_interface_serves() {
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
    // Every user can see what a serving daemon claims.
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
    let refused = Autora::fast().unprivileged_output(&lab.router);
    assert_eq!(refused.status.code(), Some(77), "{}", text_of(&refused));

    let (mut daemon, _capture) = lab.serve(&Autora::fast());
    assert!(daemon.is_running());
}
