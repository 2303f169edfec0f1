//! The reader's side: what the instances that live have published.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::frame::LEN;
use super::record::Record;

/// More files than any host has interfaces to serve are not looked at.
const MAX_FILES: usize = 65_536;
/// A text that is read while it is written is read again this often.
const ATTEMPTS: u32 = 8;

/// What was found in a directory.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Running {
    /// The instances that live, in no order.
    pub instances: Vec<Record<'static>>,
    /// Files whose owner lives but whose text cannot be read, as after an
    /// upgrade that has not restarted its instance.
    pub unreadable: usize,
}

/// Reads what the instances in `directory` publish. It waits for nobody.
///
/// # Errors
/// When the directory is there but cannot be read.
pub fn running(directory: &Path) -> io::Result<Running> {
    let mut found = Running::default();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries.take(MAX_FILES) {
        let entry = entry?;
        if !is_a_state_file(&entry.file_name()) {
            continue;
        }
        // It may be gone by now, or be no file of an instance.
        let Ok(Some(file)) = open_if_alive(&entry.path()) else {
            continue;
        };
        match read(file) {
            Some(record) => found.instances.push(record),
            None => found.unreadable += 1,
        }
    }
    Ok(found)
}

/// `NAMESPACE.IFINDEX`
fn is_a_state_file(name: &OsStr) -> bool {
    let is_number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = name.as_bytes().split(|&byte| byte == b'.');
    let (namespace, ifindex) = (parts.next(), parts.next());
    namespace.is_some_and(is_number) && ifindex.is_some_and(is_number) && parts.next().is_none()
}

/// The file, if it is one and its owner lives.
fn open_if_alive(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        // Whatever else may stand here: no link is followed, and no other end waited for.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    // Who may only read can only hold a read lock, which is in nobody's way here.
    let mut lock = whole_file_lock(libc::F_RDLCK);
    fcntl(file.as_fd(), FcntlArg::F_OFD_GETLK(&mut lock))?;
    let is_alive = i32::from(lock.l_type) == libc::F_WRLCK;
    Ok(is_alive.then_some(file))
}

fn read(mut file: File) -> Option<Record<'static>> {
    let mut text = Vec::with_capacity(LEN);
    for _ in 0..ATTEMPTS {
        text.clear();
        file.rewind().ok()?;
        (&mut file).take(LEN as u64).read_to_end(&mut text).ok()?;
        if let Some(record) = Record::parse(&text) {
            return Some(record);
        }
    }
    None
}

/// A lock of all of a file, for an open file description.
pub(super) fn whole_file_lock(kind: libc::c_int) -> libc::flock {
    libc::flock {
        l_type: kind.try_into().expect("the kinds of locks are 0 to 2"),
        l_whence: libc::SEEK_SET.try_into().expect("SEEK_SET is 0"),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::super::frame::Frame;
    use super::super::record::{Handover, State};
    use super::*;
    use autora_core::counters::Counters;
    use autora_core::interface_name::IfName;
    use autora_core::time::Instant;

    /// Says the same number again and again, in the first line and in the last.
    fn saying(number: u64) -> Frame {
        let record = Record {
            interface: Cow::Owned(IfName::new(b"tap-vm-1").unwrap()),
            ifindex: 7,
            namespace: number,
            namespace_cookie: None,
            link_id: None,
            pid: 1,
            version: "1".into(),
            started: Instant::from_boot(Duration::from_secs(9)),
            restarts: number,
            state: State::Waiting,
            since: Instant::from_boot(Duration::from_secs(9)),
            prefix: None,
            source: None,
            reason: "down".into(),
            explanation: format!("{number:<1400}.").into(),
            counters: Counters {
                ras_sent: number,
                send_errors: number,
                ..Counters::default()
            },
            next_ra: None,
            handover: Handover::default(),
        };
        let mut frame = Frame::default();
        record.format(&mut frame);
        frame
    }

    /// The kernel promises no more than that each byte was written some time.
    #[test]
    fn who_reads_during_a_write_gets_one_record_whole() {
        let path = std::env::temp_dir().join(format!("autora-torn-{}", std::process::id()));
        let owner = File::create(&path).unwrap();
        let frames: Vec<_> = (1..=9).map(|digit| saying(digit * 1_111_111_111)).collect();
        owner.write_all_at(frames[0].as_bytes(), 0).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for frame in frames.iter().cycle() {
                    owner.write_all_at(frame.as_bytes(), 0).unwrap();
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                }
            });
            for _ in 0..5000 {
                let found = read(File::open(&path).unwrap());
                let whole = found.is_none_or(|record| {
                    let number = record.namespace;
                    let counters = record.counters;
                    let said = record.explanation.trim_end_matches('.').trim_end();
                    (record.restarts, counters.ras_sent, counters.send_errors) == (number, number, number)
                        && said == number.to_string()
                });
                if !whole {
                    done.store(true, Ordering::Relaxed);
                    panic!("a mixture was taken for a record");
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn only_two_numbers_are_the_name_of_a_state_file() {
        for (name, expected) in [
            ("4026531840.7", true),
            ("4026531840.7.new", false),
            ("4026531840.", false),
            (".7", false),
            ("last-ra.7", false),
            ("1.-7", false),
            ("", false),
            ("7", false),
        ] {
            assert_eq!(is_a_state_file(OsStr::new(name)), expected, "{name}");
        }
    }
}
