//! Failures that the daemon survives.

use std::io::Write;
use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::harness::{Autora, Daemon, Lab, SOON, TAP, secs};
use crate::timing::assert_rate_limit;

fn wake_ups(daemon: &Daemon) -> u64 {
    let count = daemon.proc_status("voluntary_ctxt_switches");
    count.parse().unwrap()
}

/// Makes sends fail with ENOBUFS, by a rule in the egress hook, which packets of
/// a packet socket pass (package nftables).
pub fn drop_egress() -> String {
    format!(
        "nft 'add table netdev t
              add chain netdev t c {{ type filter hook egress device {TAP} priority 0; policy drop; }}'"
    )
}

#[test]
fn failing_sends_are_logged_once_and_retried_with_back_off() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(&drop_egress());
    let before = wake_ups(&daemon);
    let line = daemon.expect_log(&["could not be sent"], secs(6));
    capture.assert_silent_for(secs(8));
    assert!(wake_ups(&daemon) - before < 30);
    assert_eq!(
        daemon.log_count(&[&line[line.len() - 20..]]),
        1,
        "{}",
        daemon.text()
    );
    assert!(daemon.is_running());

    lab.router.run("nft delete table netdev t");
    let _ = capture.ra_within(secs(20));
    assert_rate_limit(&capture);
}

/// More events of the tap than a receive buffer holds.
pub fn overflow(lab: &Lab) {
    let change = |action: &str| format!("address {action} 2001:db8:1:1::7/64 dev {TAP} nodad\n");
    let batch = (change("add") + &change("del")).repeat(1000);
    let mut ip = lab.router.command("ip");
    let mut ip = ip.args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = ip.stdin.take().unwrap();
    stdin.write_all(batch.as_bytes()).unwrap();
    drop(stdin);
    assert!(ip.wait().unwrap().success());
}

/// Then everything is read again.
#[test]
fn overflow_of_kernel_events_loses_nothing() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::slow());
    daemon.signal(Signal::SIGSTOP);
    overflow(&lab);
    lab.router
        .run(&format!("echo 0 >/proc/sys/net/ipv6/conf/{TAP}/forwarding"));
    daemon.signal(Signal::SIGCONT);
    daemon.expect_log(&["forwarding is 0"], SOON);
    assert_eq!(capture.ra_within(SOON).router_lifetime, 0);
}

/// A thousand daemons must not wake up for each other's interfaces.
#[test]
fn events_of_other_interfaces_do_not_wake_it() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::slow());
    let before = wake_ups(&daemon);
    lab.router.run(
        "for n in 1 2 3 4 5 6 7 8 9 10; do
           ip link add other$n type veth peer name peer$n; ip link set other$n up
           ip address add 2001:db8:7:$n::1/64 dev other$n; ip link delete other$n
         done",
    );
    let woken = wake_ups(&daemon) - before;
    assert!(woken <= 3, "{woken} wake-ups");
}

#[test]
fn idle_daemon_rarely_wakes_up() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::slow());
    let before = wake_ups(&daemon);
    std::thread::sleep(secs(4));
    let woken = wake_ups(&daemon) - before;
    assert!(woken <= 2, "{woken} wake-ups in 4 s");
}
