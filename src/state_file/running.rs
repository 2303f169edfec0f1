//! The reader's side: reads the state files of running instances.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::frame::LEN;
use super::record::Record;

/// At most this many directory entries are read; no host serves as many interfaces.
pub(super) const MAX_FILES: usize = 65_536;
/// How often a file is read at most if it is being written at the same time.
const MAX_ATTEMPTS: u32 = 8;

/// The state files of running instances in a directory.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Running {
    /// Their records, in no particular order.
    pub instances: Vec<Record<'static>>,
    /// How many files of running instances cannot be parsed, for example because
    /// an instance was not restarted after an upgrade.
    pub unreadable: usize,
}

/// Reads the state files in `directory` without blocking.
///
/// # Errors
/// If the directory exists but cannot be read.
pub fn running(directory: &Path) -> io::Result<Running> {
    let mut found = Running::default();
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        entries => entries?,
    };
    for entry in entries.take(MAX_FILES) {
        let entry = entry?;
        if numbers(&entry.file_name()).is_none() {
            continue;
        }
        // An error may mean that it was deleted meanwhile.
        let Ok(Some(file)) = open_if_owned(&entry.path()) else {
            continue;
        };
        match read(file) {
            Some(record) => found.instances.push(record),
            None => found.unreadable += 1,
        }
    }
    Ok(found)
}

/// Namespace and index in the name of a state file, which has the form
/// `NAMESPACE.IFINDEX`.
pub(super) fn numbers(name: &OsStr) -> Option<(u64, u32)> {
    let (namespace, ifindex) = name.to_str()?.split_once('.')?;
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(namespace) || !is_number(ifindex) {
        return None;
    }
    Some((namespace.parse().ok()?, ifindex.parse().ok()?))
}

/// Opens the file if it is a regular file whose owner still runs.
fn open_if_owned(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        // Does not follow a symbolic link, and does not wait for the other end of a FIFO.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    // Only the owner can hold a write lock; read locks of other users do not matter.
    let mut lock = whole_file_lock(libc::F_RDLCK);
    fcntl(file.as_fd(), FcntlArg::F_OFD_GETLK(&mut lock))?;
    let is_owned = i32::from(lock.l_type) == libc::F_WRLCK;
    Ok(is_owned.then_some(file))
}

fn read(mut file: File) -> Option<Record<'static>> {
    let mut text = Vec::with_capacity(LEN);
    for _ in 0..MAX_ATTEMPTS {
        text.clear();
        file.rewind().ok()?;
        (&mut file).take(LEN as u64).read_to_end(&mut text).ok()?;
        if let Some(record) = Record::parse(&text) {
            return Some(record);
        }
    }
    None
}

/// A lock of the whole file, for an open file description.
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

    /// A text with the same number in several lines, the first and the last included.
    fn frame_with(number: u64) -> Frame {
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

    /// The kernel may return parts of two writes.
    #[test]
    fn a_read_during_a_write_never_returns_a_mixture() {
        let path = std::env::temp_dir().join(format!("autora-torn-{}", std::process::id()));
        let owner = File::create(&path).unwrap();
        let frames: Vec<_> = (1..=9).map(|digit| frame_with(digit * 1_111_111_111)).collect();
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
                    let explained = record.explanation.trim_end_matches('.').trim_end();
                    (record.restarts, counters.ras_sent, counters.send_errors) == (number, number, number)
                        && explained == number.to_string()
                });
                if !whole {
                    done.store(true, Ordering::Relaxed);
                    panic!("a mixture of two texts was accepted");
                }
            }
            done.store(true, Ordering::Relaxed);
        });
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn only_two_numbers_are_the_name_of_a_state_file() {
        for (name, expected) in [
            ("4026531840.7", Some((4_026_531_840, 7))),
            ("4026531840.7.new", None),
            ("4026531840.", None),
            (".7", None),
            ("last-ra.7", None),
            ("1.-7", None),
            ("1.+7", None),
            ("", None),
            ("7", None),
        ] {
            assert_eq!(numbers(OsStr::new(name)), expected, "{name}");
        }
    }
}
