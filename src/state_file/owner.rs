//! The owner's side: the file, the lock on it, and what changed.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use autora_core::link::LinkIdentity;
use autora_core::time::Instant;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::frame::{Frame, LEN};
use super::record::{Handover, Record};
use super::running::whole_file_lock;
use super::{DIRECTORY, directory, given_directory};

/// For everybody to read, and the owner to write.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// Until the lock is held, so that nobody else can take one first.
const UNPUBLISHED_MODE: u32 = 0o600;

/// An instance's own file, locked for as long as this lives.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    path: PathBuf,
    /// The checksum of what it holds.
    written: u64,
}

impl StateFile {
    /// Makes the file of an instance with its `first` record, in which it puts
    /// what an earlier process on the same interface left: its handover, and one
    /// restart more than it had.
    ///
    /// It is always a new file in the place of the old one: that may belong to
    /// somebody else, as when root has served the interface by hand, or be
    /// locked by somebody who was allowed to read it.
    ///
    /// # Errors
    /// When no file can be had in the directory.
    pub fn open(first: &mut Record) -> io::Result<Self> {
        let directory = match given_directory() {
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
        Ok(Self {
            file,
            path,
            written: frame.checksum(),
        })
    }

    /// Publishes `record`, in one call, if anything in it is news.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut frame = Frame::default();
        record.format(&mut frame);
        if frame.checksum() == self.written {
            return Ok(());
        }
        self.written = frame.checksum();
        self.file.write_all_at(frame.as_bytes(), 0)
    }

    /// Forgets an interface that is gone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}

/// What an instance on the link left for the next one, or will leave; nothing
/// if none ever ran there.
///
/// # Errors
/// When it cannot be read.
pub fn load_handover(link: &LinkIdentity, now: Instant) -> io::Result<Handover> {
    let before = read(&directory().join(file_name(link.namespace, link.ifindex)))?;
    let before = before.filter(|before| before.identity().is_same(link));
    Ok(before.map_or(Handover::default(), |record| record.handover.before(now)))
}

fn file_name(namespace: u64, ifindex: u32) -> String {
    format!("{namespace}.{ifindex}")
}

/// A file that is not there, or not ours to understand, is as good as none.
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

/// The directory that systemd makes for its instances; one that is started by
/// hand before them makes it the same way, if it can.
fn default_directory() -> io::Result<PathBuf> {
    match DirBuilder::new().mode(DIRECTORY_MODE).create(DIRECTORY) {
        Ok(()) => fs::set_permissions(DIRECTORY, Permissions::from_mode(DIRECTORY_MODE))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    Ok(DIRECTORY.into())
}
