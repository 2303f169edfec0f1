//! Guests are served on time though nobody reads what the instance has to say.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;

use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::pipe2;

use crate::harness::feed::Feed;
use crate::harness::notify::Notify;
use crate::harness::{Agent, Autora, Capture, Lab, MIN_DELAY_BETWEEN_RAS, NOISE, Rs, SOON, ms};
use crate::service::notifying;
use crate::timing::assert_rate_limit;

fn assert_answers(agent: &mut Agent, capture: &mut Capture) {
    for _ in 0..3 {
        agent.send(&Rs::default());
        let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
    }
    assert_rate_limit(capture);
}

#[test]
fn ready_arrives_when_the_manager_reads_again() {
    let lab = Lab::new();
    let (mut notify, read) = Notify::with_a_full_queue("full-queue");
    let autora = notifying(Autora::slow(), &notify).env("WATCHDOG_USEC", "1000000");
    let (mut daemon, mut capture) = lab.serve(&autora);
    assert_answers(&mut lab.agent(), &mut capture);
    read.send(()).unwrap();
    let ready = notify.expect("READY=1", SOON);
    assert!(ready.text.contains("2001:db8:1:1::/64"), "{ready:?}");
    // And the loop has gone back to its pace.
    for _ in 0..3 {
        notify.expect("WATCHDOG=1", ms(500) + NOISE);
    }
    daemon.signal(Signal::SIGTERM);
    notify.expect("STOPPING=1", SOON);
    assert_eq!(daemon.exit_within(SOON), 0);
}

#[test]
fn stop_does_not_wait_for_the_manager() {
    let lab = Lab::new();
    let (notify, _unread) = Notify::with_a_full_queue("full-at-stop");
    let autora = notifying(Autora::slow(), &notify);
    let (mut daemon, mut capture) = lab.serve(&autora);
    daemon.signal(Signal::SIGTERM);
    let ra = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
    assert_eq!(ra.router_lifetime, 0);
    assert_eq!(daemon.exit_within(NOISE), 0);
}

#[test]
fn lines_that_standard_error_does_not_take_are_counted() {
    let lab = Lab::new();
    let (ours, theirs) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let mut theirs = File::from(theirs);
    while has_room(&theirs) {
        theirs.write_all(&[b'\n'; 4096]).unwrap();
    }
    let autora = Autora::slow().set("log-level", "debug");
    let mut command = autora.onto(lab.router.command(crate::harness::daemon::BINARY));
    let mut capture = lab.capture();
    let mut daemon = command
        .stdin(Stdio::null())
        .stderr(OwnedFd::from(theirs))
        .spawn()
        .unwrap();
    drop(command);
    let _ = capture.ra_within(SOON);
    let mut agent = lab.agent();
    assert_answers(&mut agent, &mut capture);
    let log = Feed::fill(move |push| {
        for line in BufReader::new(File::from(ours)).lines() {
            push(line.unwrap());
        }
    });
    // The pipe is read by now, or at the latest when the next line is written.
    let lost = (0..2).find_map(|_| {
        agent.send(&Rs::default());
        let _ = capture.ra_within(MIN_DELAY_BETWEEN_RAS + NOISE);
        let told = |line: &String| line.contains(" lost, ").then(|| line.clone());
        log.wait(0, ms(200), told)
    });
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    // As whom it runs, if that is root; what it serves, the first advertisement and three answers; the last is logged
    // after it was captured, perhaps in time for the pipe that was read then.
    let (_, lost) = lost.unwrap();
    let expected = |count| {
        format!("warn: tap-vm-1: {count} lines were lost, as the reader of standard error did not take them")
    };
    assert!((4..=6).any(|count| lost.contains(&expected(count))), "{lost}");
}

fn has_room(pipe: &File) -> bool {
    let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::ZERO).unwrap() > 0
}
