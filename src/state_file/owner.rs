//! The owner's side: creates, locks and writes the file.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use autora_core::link::LinkIdentity;
use autora_core::time::Instant;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::net::if_::if_indextoname;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::frame::{Frame, LEN};
use super::record::{Handover, Record};
use super::running::{MAX_FILES, numbers, whole_file_lock};
use super::{DIRECTORY, directory, runtime_directory};

/// Everybody may read, only the owner may write.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// Until the lock is held, so that no other user can lock the file first.
const UNPUBLISHED_MODE: u32 = 0o600;

/// How many files of others a start looks at, to delete those of interfaces that are gone.
const LOOKED_AT: usize = 32;

/// The state file of this process, locked until it is dropped.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    /// The checksum of its content.
    written: u64,
}

impl StateFile {
    /// Creates the file with the record `first`. If an earlier process on the
    /// same link left a file, its handover is put into `first`, and its number of
    /// restarts plus one.
    ///
    /// An existing file is always replaced: it may belong to another user, for
    /// example if root served the interface by hand, or a reader may have locked it.
    ///
    /// # Errors
    /// If the file cannot be created, locked or written.
    pub fn open(first: &mut Record) -> io::Result<Self> {
        let directory = match runtime_directory() {
            Some(directory) => directory,
            None => default_directory()?,
        };
        let path = directory.join(file_name(first.namespace, first.ifindex));
        let before = read(&path).ok().flatten();
        if let Some(before) = before.filter(|before| before.identity().is_same(&first.identity())) {
            first.handover = before.handover.before(first.started);
            first.restarts = before.restarts.saturating_add(1);
        }
        let mut frame = Frame::default();
        first.format(&mut frame);

        let unpublished = path.with_extension(format!("{}.new", first.ifindex));
        let _left_by_a_kill = fs::remove_file(&unpublished);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(UNPUBLISHED_MODE)
            .open(&unpublished)?;
        fcntl(
            file.as_fd(),
            FcntlArg::F_OFD_SETLK(&whole_file_lock(libc::F_WRLCK)),
        )?;
        file.write_all_at(frame.as_bytes(), 0)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        fs::rename(&unpublished, &path)?;
        delete_some_dead(&directory, first.namespace);
        Ok(Self {
            file,
            written: frame.checksum(),
        })
    }

    /// Writes `record`, unless the file already has this content. It is one write
    /// of [`LEN`] bytes at the start, the only one that the process may make.
    ///
    /// # Errors
    /// The file system's error.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut frame = Frame::default();
        record.format(&mut frame);
        if frame.checksum() == self.written {
            return Ok(());
        }
        if self.file.write_at(frame.as_bytes(), 0)? != LEN {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.written = frame.checksum();
        Ok(())
    }
}

impl AsFd for StateFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Deletes files of interfaces of this namespace that no longer exist. An
/// instance cannot delete its own at its end, as it can no longer name it, so each
/// start looks at a few, picked by chance: then a host whose guests come and go
/// keeps a few dead files among those of many instances, and not more and more.
fn delete_some_dead(directory: &Path, namespace: u64) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let of_namespace = |entry: io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        (numbers(&name)?.0 == namespace).then_some(name)
    };
    let mut names: Vec<_> = entries.take(MAX_FILES).filter_map(of_namespace).collect();
    let mut rng = rand::make_rng::<SmallRng>();
    let (picked, _) = names.partial_shuffle(&mut rng, LOOKED_AT);
    for name in picked {
        if numbers(name).is_some_and(|(_, ifindex)| is_gone(ifindex)) {
            // An instance that has not noticed yet writes to a file that nobody needs.
            let _ = fs::remove_file(directory.join(name));
        }
    }
}

/// Whether there is no interface of this index; false if that is unknown.
fn is_gone(ifindex: u32) -> bool {
    // nix returns an empty name when the C library returns none.
    let has_no_name = if_indextoname(ifindex).map_or(true, |name| name.is_empty());
    has_no_name && Errno::last() == Errno::ENXIO
}

/// The handover of the last instance on the link, which may still run; empty if
/// there was none.
///
/// # Errors
/// If the file exists but cannot be read.
pub fn load_handover(link: &LinkIdentity, now: Instant) -> io::Result<Handover> {
    let before = read(&directory().join(file_name(link.namespace, link.ifindex)))?;
    let before = before.filter(|before| before.identity().is_same(link));
    Ok(before.map_or(Handover::default(), |record| record.handover.before(now)))
}

fn file_name(namespace: u64, ifindex: u32) -> String {
    format!("{namespace}.{ifindex}")
}

/// The record in the file; `None` if there is no file, or no valid record in it.
fn read(path: &Path) -> io::Result<Option<Record<'static>>> {
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut text = Vec::with_capacity(LEN);
    file.take(LEN as u64).read_to_end(&mut text)?;
    Ok(Record::parse(&text))
}

/// Creates the directory, if it does not exist, with the mode that systemd uses.
fn default_directory() -> io::Result<PathBuf> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(DIRECTORY) {
        Ok(()) => fs::set_permissions(DIRECTORY, Permissions::from_mode(DIRECTORY_MODE))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(DIRECTORY.into())
}
