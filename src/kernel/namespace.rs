//! The network namespace of this process.

use std::fs;
use std::io;
use std::os::linux::fs::MetadataExt;

/// The inode by which the kernel names it.
///
/// # Errors
/// Without `/proc`.
pub(crate) fn own() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/net").map(|namespace| namespace.st_ino())
}
