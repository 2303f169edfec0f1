//! The owner's side: the file, the lock on it, and what changed.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::page::{LEN, Page};
use super::record::Record;
use super::running::whole_file_lock;
use super::{DIRECTORY, given_directory};

/// For everybody to read, and the owner to write.
const DIRECTORY_MODE: u32 = 0o755;
const FILE_MODE: u32 = 0o644;
/// Until the lock is held, so that nobody else can take one first.
const UNPUBLISHED_MODE: u32 = 0o600;

/// An instance's own file, locked for as long as this lives.
#[derive(Debug)]
pub struct Publication {
    file: File,
    path: PathBuf,
    /// The checksum of what it holds.
    written: u64,
}

impl Publication {
    /// Makes the file of an instance with its `first` record, in which it puts
    /// what an earlier process on the same interface left: its memory, and one
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
        let path = directory.join(format!("{}.{}", first.namespace, first.ifindex));
        if let Some(before) = read(&path) {
            first.memory = before.memory.before(first.started);
            first.restarts = before.restarts.saturating_add(1);
        }
        let mut page = Page::default();
        first.format(&mut page);

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
        file.write_all_at(page.as_bytes(), 0)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        fs::rename(&unpublished, &path)?;
        Ok(Self {
            file,
            path,
            written: page.checksum(),
        })
    }

    /// Publishes `record`, in one call, if anything in it is news.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut page = Page::default();
        record.format(&mut page);
        if page.checksum() == self.written {
            return Ok(());
        }
        self.written = page.checksum();
        self.file.write_all_at(page.as_bytes(), 0)
    }

    /// Forgets an interface that is gone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}

/// What an earlier process left. A file that is not ours to understand is as
/// good as none.
fn read(path: &Path) -> Option<Record<'static>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .ok()?;
    let mut text = Vec::with_capacity(LEN);
    file.take(LEN as u64).read_to_end(&mut text).ok()?;
    Record::parse(&text)
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
