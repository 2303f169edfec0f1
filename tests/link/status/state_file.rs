//! The state files: how they are written and read, and what they cost.

use std::fs::{self, File};
use std::time::Instant;

use autora::state_file::Record;
use nix::libc;
use serde_json::Value;

use super::{Published, ask, asking, lock, lock_as};
use crate::harness::daemon::text_of;
use crate::harness::{Autora, Daemon, Lab, NOISE, Rs, SOON, TAP, ms, secs};

/// No other file in the directory is followed, waited for or shown.
#[test]
fn files_that_are_not_state_files_are_ignored() {
    let lab = Lab::new();
    let published = Published::new("garbage");
    let (daemon, _capture) = lab.serve(&published.by(Autora::slow()));
    let live = published.file();
    let good = fs::read(&live).unwrap();
    let at = |name: &str| published.directory.join(name);
    fs::write(at("1.1"), &good).unwrap();
    fs::write(at("1.2"), "").unwrap();
    fs::write(at("1.3"), vec![0xff; 1 << 20]).unwrap();
    fs::write(at("1.x"), &good).unwrap();
    fs::create_dir(at("1.4")).unwrap();
    std::os::unix::fs::symlink(&live, at("1.5")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", at("1.6")).unwrap();
    nix::unistd::mkfifo(&at("1.7"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("1.8")).unwrap();
    let shown = |names: &[&str]| {
        let autora = names.iter().fold(asking("json"), |autora, name| autora.arg(name));
        let output = ask(&lab.router, &published.by(autora));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        (document["instances"].as_array().unwrap().len(), text_of(&output))
    };
    assert_eq!(shown(&[]).0, 1);

    // One that is damaged although its owner runs is reported.
    let mut torn = good.clone();
    torn[100] ^= 1;
    fs::write(at("1.1"), torn).unwrap();
    let _lock = lock(&at("1.1"));
    let (instances, text) = shown(&[]);
    assert_eq!(instances, 1);
    assert!(text.contains("1 state file of running instances"), "{text}");
    drop(daemon);
    assert_eq!(shown(&[]).0, 0);
}

/// Everybody who may read a file can hold a read lock on it.
#[test]
fn a_read_lock_neither_keeps_an_exited_instance_shown_nor_blocks_the_next_one() {
    let lab = Lab::new();
    let published = Published::new("squatter");
    let autora = published.by(Autora::slow());
    let (daemon, _capture) = lab.serve(&autora);
    drop(daemon);
    let _squatter = lock_as(libc::F_RDLCK, File::open(published.file()).unwrap());
    let status = || {
        let output = ask(&lab.router, &published.by(asking("table").arg(TAP)));
        output.status.code().unwrap()
    };
    assert_eq!(status(), 1);
    let _next = autora.start(&lab.router);
    lab.eventually("the next instance shows", SOON, |_| status() == 0);
}

#[test]
fn an_idle_instance_neither_wakes_up_nor_writes_and_no_reader_changes_that() {
    let lab = Lab::new();
    let published = Published::new("idle");
    let (daemon, mut capture) = lab.serve(&published.by(Autora::slow()));
    // The second of the first three follows within 16 s; then there is silence.
    for _ in 0..2 {
        let _ = capture.ra_within(secs(16) + NOISE);
    }
    let activity = || {
        let file = fs::metadata(published.file()).unwrap();
        let switches = daemon.proc_status("voluntary_ctxt_switches");
        (written(&daemon), switches, file.modified().unwrap())
    };
    // After the send it still has something to do.
    lab.eventually("sleep", SOON, |_| {
        let before = activity();
        std::thread::sleep(ms(300));
        activity() == before
    });
    let before = activity();
    for _ in 0..20 {
        let output = ask(&lab.router, &published.by(asking("json")));
        assert_eq!(output.status.code(), Some(0), "{}", text_of(&output));
    }
    std::thread::sleep(secs(2));
    assert_eq!(activity(), before);
}

/// Calls that write, by the kernel's count.
fn written(daemon: &Daemon) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/io", daemon.pid())).unwrap();
    let count = text.lines().find_map(|line| line.strip_prefix("syscw: "));
    count.unwrap().parse().unwrap()
}

/// Dropped packets do not cause one write each.
#[test]
fn a_flood_of_bad_packets_causes_at_most_one_write_per_wake_up() {
    let lab = Lab::new();
    let mut agent = lab.agent();
    let published = Published::new("flood");
    let (daemon, _capture) = lab.serve(&published.by(Autora::slow()));
    let before = written(&daemon);
    let bad = Rs {
        checksum_good: false,
        ..Rs::default()
    };
    let dropped = || {
        let record = Record::parse(&fs::read(published.file()).unwrap());
        record.map_or(0, |record| {
            record.counters.dropped().map(|(_, count)| count).sum()
        })
    };
    let begun = Instant::now();
    while dropped() <= 40_u64 {
        // After what is beyond the budget nothing is read for 3 s.
        assert!(begun.elapsed() < 3 * SOON, "{} are counted", dropped());
        agent.send_times(&bad, 5000);
    }
    // The rate limit is 32 packets in 250 ms, each of which may have woken it up.
    let windows = begun.elapsed().as_millis() / 250 + 2;
    let writes = written(&daemon) - before;
    assert!(
        u128::from(writes) <= 32 * windows,
        "{writes} writes in {windows} windows"
    );
}
