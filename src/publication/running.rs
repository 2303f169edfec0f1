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

use super::page::LEN;
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
        if !is_a_publication(&entry.file_name()) {
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
fn is_a_publication(name: &OsStr) -> bool {
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
