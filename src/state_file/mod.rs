//! What an instance tells of itself: to its successor, and to `autora status`.
//!
//! A file per instance in the runtime directory holds both. A file, because it
//! costs an idle instance nothing, because an instance that hangs cannot block
//! who reads it, and because reading needs no privilege and wakes nobody. A
//! socket would cost each instance a descriptor and a wake-up per question,
//! and could be flooded.
//!
//! The owner holds a write lock on its file for as long as it lives; who reads
//! asks the kernel for that lock, so that no process id has to be guessed at.

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

/// Where instances publish that no service manager gave a directory to.
pub const DIRECTORY: &str = "/run/autora";

/// The first directory of `$RUNTIME_DIRECTORY`, which systemd separates by
/// colons, if there is one.
fn given_directory() -> Option<PathBuf> {
    let all = env::var_os("RUNTIME_DIRECTORY")?;
    env::split_paths(&all).next().filter(|path| path.is_absolute())
}

/// Where the instances of this host publish.
#[must_use]
pub fn directory() -> PathBuf {
    given_directory().unwrap_or_else(|| DIRECTORY.into())
}

/// Whether a service manager gave a directory, so that it should work.
#[must_use]
pub fn is_given() -> bool {
    given_directory().is_some()
}
