//! The owner's side: the file, the lock on it, and what changed.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::record::{LEN, Page, Record};
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
    /// Makes the file of the interface `ifindex` in the network namespace
    /// `namespace`, and reads what an earlier process left there.
    ///
    /// It is always a new file in the place of the old one: that may belong to
    /// somebody else, as when root has served the interface by hand, or be
    /// locked by somebody who was allowed to read it.
    ///
    /// # Errors
    /// When no file can be had in the directory.
    pub fn open(ifindex: u32, namespace: u64) -> io::Result<(Self, Option<Record<'static>>)> {
        let directory = match given_directory() {
            Some(directory) => directory,
            None => default_directory()?,
        };
        let path = directory.join(format!("{namespace}.{ifindex}"));
        let before = read(&path);
        let unpublished = directory.join(format!("{namespace}.{ifindex}.new"));
        let _left_by_a_kill = fs::remove_file(&unpublished);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(UNPUBLISHED_MODE)
            .open(&unpublished)?;
        fcntl(
            file.as_fd(),
            FcntlArg::F_OFD_SETLK(&whole_file_lock(libc::F_WRLCK)),
        )?;
        let mut page = Page::default();
        if let Some(record) = &before {
            record.format(&mut page);
        }
        file.write_all_at(page.as_bytes(), 0)?;
        file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        fs::rename(&unpublished, &path)?;
        let publication = Self {
            file,
            path,
            written: page.checksum(),
        };
        Ok((publication, before))
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
