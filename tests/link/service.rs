//! The interface to systemd: notifications, the runtime directory, privileges.

use nix::sys::signal::Signal;

use crate::failures::drop_egress;
use crate::harness::capture::wall_clock;
use crate::harness::lab::scratch;
use crate::harness::notify::Notify;
use crate::harness::{Autora, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, SOON, TAP, ms, secs};
use crate::timing::assert_rate_limit;

pub fn notifying(autora: Autora, notify: &Notify) -> Autora {
    autora.env("NOTIFY_SOCKET", notify.path.to_str().unwrap())
}

#[test]
fn ready_status_and_stopping() {
    let lab = Lab::new();
    let mut notify = Notify::new("ready");
    let (mut daemon, _capture) = lab.serve(&notifying(Autora::slow(), &notify));
    notify.expect("READY=1", SOON);
    let all = notify.all();
    let status = all
        .iter()
        .find(|message| message.text.contains("2001:db8:1:1::/64"));
    assert!(status.is_some(), "what is advertised: {all:#?}");

    lab.router
        .run(&format!("echo 0 >/proc/sys/net/ipv6/conf/{TAP}/forwarding"));
    let message = notify.expect("STATUS=", SOON);
    assert!(message.text.contains("forwarding is 0"), "{message:?}");
    daemon.signal(Signal::SIGTERM);
    notify.expect("STOPPING=1", SOON);
    assert_eq!(daemon.exit_within(SOON), 0);
}

#[test]
fn ready_even_if_it_has_to_wait() {
    let lab = Lab::new();
    let mut notify = Notify::new("waiting");
    lab.router.run(&format!("ip link set {TAP} down"));
    let _daemon = notifying(Autora::slow(), &notify).start(&lab.router);
    notify.expect("READY=1", SOON);
    let all = notify.all();
    assert!(
        all.iter()
            .any(|m| m.text.contains("STATUS=") && m.text.contains("down")),
        "{all:?}"
    );
}

/// systemd must know that the service is stopping before an interface of that
/// name appears again, or it ignores the start request for a running unit.
#[test]
fn stopping_and_a_barrier_when_the_interface_is_deleted() {
    let lab = Lab::new();
    let mut notify = Notify::new("barrier");
    let (mut daemon, _capture) = lab.serve(&notifying(Autora::slow(), &notify));
    lab.router.run(&format!("ip link delete {TAP}"));
    notify.expect("STOPPING=1", SOON);
    let barrier = notify.expect("BARRIER=1", SOON);
    assert_eq!(barrier.descriptors, 1, "{barrier:?}");
    assert_eq!(daemon.exit_within(SOON), 0);
}

/// The claim is released before: an instance for the interface, which is back under its name, does not have to
/// wait for the manager.
#[test]
fn next_instance_serves_while_the_last_one_waits_for_the_manager() {
    let lab = Lab::new();
    let (mut notify, go_on) = Notify::that_waits("slow-manager");
    let (mut daemon, mut capture) = lab.serve(&notifying(Autora::slow(), &notify));
    let rename = |from: &str, to: &str| lab.router.run(&format!("ip link set {from} down name {to} up"));
    rename(TAP, "other");
    notify.expect("STOPPING=1", SOON);
    rename("other", TAP);
    lab.router
        .run(&format!("ip address replace 2001:db8:1:1::1/64 dev {TAP} nodad"));
    let _next = Autora::slow().start(&lab.router);
    let _ = capture.ra_within(SOON);
    assert!(daemon.is_running());
    go_on.send(()).unwrap();
    // The name is there again: it is for the manager to see that somebody serves it.
    assert_eq!(daemon.exit_within(SOON), 75);
}

#[test]
fn watchdog_at_least_every_half_of_its_time() {
    let lab = Lab::new();
    let mut notify = Notify::new("watchdog");
    let autora = notifying(Autora::slow(), &notify).env("WATCHDOG_USEC", "1000000");
    let (daemon, _capture) = lab.serve(&autora);
    notify.expect("READY=1", SOON);
    let mut last = notify.expect("WATCHDOG=1", ms(500) + NOISE).at;
    for _ in 0..4 {
        let at = notify.expect("WATCHDOG=1", ms(500) + NOISE).at;
        assert!(at - last <= ms(500) + ms(100), "{:?}", at - last);
        last = at;
    }
    // Only the loop sends it, so a process that hangs does not.
    daemon.signal(Signal::SIGSTOP);
    let count = notify.all().len();
    std::thread::sleep(secs(1));
    assert!(notify.all().len() <= count + 1);
}

/// A guest that refuses packets gets no new process by that: it could send no better.
#[test]
fn watchdog_goes_on_while_no_packet_can_be_sent_and_the_status_says_so() {
    let lab = Lab::new();
    let mut notify = Notify::new("refused");
    let autora = notifying(Autora::fast(), &notify).env("WATCHDOG_USEC", "1000000");
    let (_daemon, _capture) = lab.serve(&autora);
    lab.router.run(&drop_egress());
    let mut last = String::new();
    // Longer than the longest interval and the back-off of two failures.
    for _ in 0..20 {
        last = notify.expect("WATCHDOG=1", ms(500) + NOISE).text;
    }
    assert!(
        last.contains("; sending fails (No buffer space available"),
        "{last}"
    );
}

/// `WATCHDOG_PID` names another process: the watchdog is not ours.
#[test]
fn watchdog_of_another_process_is_ignored() {
    let lab = Lab::new();
    let notify = Notify::new("watchdog-pid");
    let autora = notifying(Autora::slow(), &notify)
        .env("WATCHDOG_USEC", "600000")
        .env("WATCHDOG_PID", "1");
    let (_daemon, _capture) = lab.serve(&autora);
    std::thread::sleep(secs(1));
    let all = notify.all();
    assert!(!all.iter().any(|m| m.text.contains("WATCHDOG=1")), "{all:?}");
}

#[test]
fn restart_keeps_the_three_seconds() {
    let lab = Lab::new();
    let directory = scratch("runtime");
    let autora = Autora::slow().env("RUNTIME_DIRECTORY", directory.to_str().unwrap());
    let (mut daemon, mut capture) = lab.serve(&autora);
    daemon.signal(Signal::SIGHUP);
    assert_eq!(daemon.exit_within(SOON), 75);
    let again = wall_clock();
    let _second = autora.start(&lab.router);
    let ra = capture.ra_within(MIN_DELAY_BETWEEN_RAS + SOON);
    assert!(
        ra.at.saturating_sub(again) < MIN_DELAY_BETWEEN_RAS + NOISE,
        "{ra:?}"
    );
    assert_rate_limit(&capture);
    let withdrawn = capture.ras().iter().any(|ra| ra.router_lifetime == 0);
    assert!(!withdrawn, "guests keep their default route");
    std::fs::remove_dir_all(directory).unwrap();
}

/// Neither garbage nor a time in the future prevents advertisements.
#[test]
fn invalid_handed_over_time_is_ignored() {
    let lab = Lab::new();
    let directory = scratch("garbage");
    let autora = Autora::slow().env("RUNTIME_DIRECTORY", directory.to_str().unwrap());
    let (daemon, mut capture) = lab.serve(&autora);
    drop(daemon);
    for content in [&b"\xff\xfe not a number"[..], b"", b"99999999999999999999999999"] {
        let files = std::fs::read_dir(&directory).unwrap();
        let files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        assert!(!files.is_empty(), "the time of the last RA is kept");
        for file in files {
            std::fs::write(file, content).unwrap();
        }
        let _daemon = autora.start(&lab.router);
        let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn no_privilege_is_left_after_the_start() {
    let lab = Lab::new();
    let (daemon, _capture) = lab.serve(&Autora::slow());
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(daemon.proc_status(set), "0000000000000000", "{set}");
    }
    assert_eq!(daemon.proc_status("NoNewPrivs"), "1");
    assert_eq!(daemon.proc_status("Threads"), "1");
}
