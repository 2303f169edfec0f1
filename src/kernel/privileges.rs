//! Giving up what only the opening of sockets needs.

use std::io;

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl::set_no_new_privs;
use thiserror::Error;

/// A privilege could not be given up.
#[derive(Debug, Error)]
pub enum PrivilegeError {
    /// `no_new_privs` could not be set.
    #[error("cannot bar new privileges (no_new_privs): {0}")]
    NoNewPrivileges(io::Error),
    /// A capability set could not be emptied.
    #[error("cannot give up its capabilities: {0}")]
    Capabilities(#[from] CapsError),
}

/// Empties every capability set and bars any way to new privileges.
///
/// The bounding set can only be emptied by who has `CAP_SETPCAP`, as root by
/// hand has; under systemd the unit bounds it to `CAP_NET_RAW`, which
/// `no_new_privs` keeps out of reach.
///
/// # Errors
/// When a set cannot be emptied.
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
