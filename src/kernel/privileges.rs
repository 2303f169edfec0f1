//! Drops the privileges that only opening the sockets needs.

use std::io;

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl::set_no_new_privs;
use thiserror::Error;

/// Why the privileges could not be dropped.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// `no_new_privs` could not be set.
    #[error("cannot set no_new_privs: {0}")]
    NoNewPrivileges(io::Error),
    /// A capability set could not be emptied.
    #[error("cannot drop capabilities: {0}")]
    Capabilities(#[from] CapsError),
}

/// Empties the capability sets and sets `no_new_privs`.
///
/// The bounding set is emptied only if the process has `CAP_SETPCAP`, as root
/// has. Under systemd it holds `CAP_NET_RAW`, which `no_new_privs` makes
/// unreachable.
///
/// # Errors
/// If a set cannot be emptied.
pub(crate) fn drop_all() -> Result<(), PrivilegeError> {
    set_no_new_privs().map_err(|errno| PrivilegeError::NoNewPrivileges(errno.into()))?;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        caps::clear(None, CapSet::Bounding)?;
    }
    caps::clear(None, CapSet::Ambient)?;
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::set(None, set, &CapsHashSet::new())?;
    }
    Ok(())
}
