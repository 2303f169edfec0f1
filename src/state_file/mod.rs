//! The state file of an instance, for `autora status` and for the next process
//! on the same interface.
//!
//! It is one file per instance in the runtime directory. A file costs an idle
//! instance nothing, an instance that hangs cannot block its readers, and
//! reading needs no privilege and wakes no process. A socket would cost each
//! instance a descriptor and a wake-up per query, and could be flooded.
//!
//! The owner holds a write lock on its file until it exits. Readers test for
//! that lock, so they do not depend on process ids.

mod frame;
mod owner;
mod record;
mod running;

use std::env;
use std::path::PathBuf;

pub use frame::{Frame, LEN};
pub use owner::{StateFile, load_handover};
pub use record::{Handover, Record, State};
pub use running::{Running, running};

/// The directory of state files if `$RUNTIME_DIRECTORY` is not set.
pub const DIRECTORY: &str = "/run/autora";

/// The first directory in `$RUNTIME_DIRECTORY`, where systemd separates several
/// by colons; `None` if it is not set or not absolute.
fn runtime_directory() -> Option<PathBuf> {
    let all = env::var_os("RUNTIME_DIRECTORY")?;
    env::split_paths(&all).next().filter(|path| path.is_absolute())
}

/// The directory of the state files of this host.
#[must_use]
pub fn directory() -> PathBuf {
    runtime_directory().unwrap_or_else(|| DIRECTORY.into())
}

/// Whether `$RUNTIME_DIRECTORY` is set: a service manager made the directory, so
/// an error there is worth a warning.
#[must_use]
pub fn has_runtime_directory() -> bool {
    runtime_directory().is_some()
}
