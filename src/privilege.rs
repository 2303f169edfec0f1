//! Giving up what only the opening of sockets needs.

use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl::set_no_new_privs;

use crate::exit::Failure;
use crate::ifname::IfName;

/// Empties every capability set and bars any way to new privileges. `name` is the interface that an
/// error is reported for.
///
/// The bounding set can only be emptied by who has `CAP_SETPCAP`, as root by
/// hand has; under systemd the unit bounds it to `CAP_NET_RAW`, which
/// `no_new_privs` keeps out of reach.
///
/// # Errors
/// When a set cannot be emptied.
pub fn drop_all(name: &IfName) -> Result<(), Failure> {
    set_no_new_privs().map_err(|error| {
        Failure::os(
            &format!("{name}: cannot bar new privileges (no_new_privs)"),
            error,
        )
    })?;
    let failed = |error: caps::errors::CapsError| {
        Failure::new(
            crate::exit::OS_ERROR,
            format!("{name}: cannot give up its capabilities: {error}"),
        )
    };
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(failed)? {
        caps::clear(None, CapSet::Bounding).map_err(failed)?;
    }
    caps::clear(None, CapSet::Ambient).map_err(failed)?;
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::set(None, set, &CapsHashSet::new()).map_err(failed)?;
    }
    Ok(())
}
