//! What goes wrong and does not end it.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::harness::capture::{Frame, wall_clock};
use crate::harness::lab::{PREFIX, scratch};
use crate::harness::{Autora, Daemon, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, SOON, TAP, ms, secs};
use crate::timing::assert_rate_limit;

fn wake_ups(daemon: &Daemon) -> u64 {
    let count = daemon.proc_status("voluntary_ctxt_switches");
    count.parse().unwrap()
}

/// The only firewall hook that sees a packet socket's packets (package
/// nftables); the send fails with ENOBUFS.
#[test]
fn failing_sends_are_told_once_and_retried_without_a_spin() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::fast());
    lab.router.run(&format!(
        "nft 'add table netdev t
              add chain netdev t c {{ type filter hook egress device {TAP} priority 0; policy drop; }}'"
    ));
    let before = wake_ups(&daemon);
    let line = daemon.expect_log(&["send"], secs(6));
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

/// More messages than the receive buffer holds: everything is read again.
#[test]
fn overflow_of_kernel_events_loses_nothing() {
    let lab = Lab::new();
    let (mut daemon, mut capture) = lab.serve(&Autora::slow());
    daemon.signal(Signal::SIGSTOP);
    let changes = "ip address add 2001:db8:1:1::7/64 dev tap-vm-1 nodad
                   ip address del 2001:db8:1:1::7/64 dev tap-vm-1\n";
    let batch: String = changes
        .lines()
        .map(|l| l.trim().trim_start_matches("ip "))
        .fold(String::new(), |text, line| text + line + "\n");
    let batch = batch.repeat(1000);
    let mut ip = lab.router.command("ip");
    let mut ip = ip
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut ip.stdin.take().unwrap(), batch.as_bytes()).unwrap();
    assert!(ip.wait().unwrap().success());
    lab.router
        .run(&format!("echo 0 >/proc/sys/net/ipv6/conf/{TAP}/forwarding"));
    daemon.signal(Signal::SIGCONT);
    daemon.expect_log(&["forwarding is 0"], SOON);
    assert_eq!(capture.ra_within(SOON).router_lifetime, 0);
}

/// A thousand daemons must not all wake for each other's interfaces.
#[test]
fn events_of_other_interfaces_do_not_wake_it() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::slow());
    let before = wake_ups(&daemon);
    lab.router.run(
        "for n in 1 2 3 4 5 6 7 8 9 10; do
           ip link add other$n type dummy; ip link set other$n up
           ip address add 2001:db8:7:$n::1/64 dev other$n; ip link delete other$n
         done",
    );
    let woken = wake_ups(&daemon) - before;
    assert!(woken <= 3, "{woken} wake-ups");
}

#[test]
fn idle_daemon_hardly_wakes() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::slow());
    let before = wake_ups(&daemon);
    std::thread::sleep(secs(4));
    let woken = wake_ups(&daemon) - before;
    assert!(woken <= 2, "{woken} wake-ups in 4 s");
}

/// Another daemon's advertisements show in the kernel's counters (package
/// radvd). It yields until that one has been silent for three of its own
/// longest intervals.
#[test]
fn yields_to_another_daemon_until_that_is_silent() {
    let lab = Lab::new();
    let directory = scratch("radvd");
    let config = directory.join("radvd.conf");
    std::fs::write(
        &config,
        format!(
            "interface {TAP} {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;
               prefix 2001:db8:1:1::/64 {{ AdvOnLink off; }}; }};"
        ),
    )
    .unwrap();
    let (mut daemon, capture) = lab.serve(&Autora::fast());
    let radvd = lab
        .router
        .command("radvd")
        .args(["--nodaemon", "--logmethod=stderr"])
        .arg(format!("--config={}", config.display()))
        .arg(format!("--pidfile={}", directory.join("pid").display()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut radvd = radvd.unwrap();
    daemon.expect_log(&["another"], secs(9));
    let yielded = wall_clock();
    let is_theirs = |frame: &Frame| frame.is_ra() && frame.bytes.len() != 54 + 48;
    assert!(
        capture.frame_within(SOON, is_theirs).is_some(),
        "radvd advertises"
    );
    std::thread::sleep(secs(5));
    radvd.kill().unwrap();
    radvd.wait().unwrap();
    let frames = capture.frames();
    let last_of_theirs = frames.iter().rfind(|frame| is_theirs(frame)).unwrap().at;
    let is_ours = |frame: &Frame| frame.is_ra() && !is_theirs(frame) && frame.at > yielded;
    let back = capture
        .frame_within(secs(20), is_ours)
        .expect("back again")
        .at;
    let silence = back.abs_diff(last_of_theirs);
    assert!(silence >= ms(11_950), "{silence:?}");
    assert!(silence < secs(17), "{silence:?}");
    lab.eventually("the address", MIN_DELAY_BETWEEN_RAS + NOISE, |lab| {
        lab.guest_address(PREFIX).is_some()
    });
    std::fs::remove_dir_all(directory).unwrap();
}
