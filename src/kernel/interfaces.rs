//! The interfaces of this network namespace.

use std::io;

use autora_core::interface_name::IfName;
use nix::net::if_::{if_indextoname, if_nameindex};

/// All of them, each with its index.
///
/// # Errors
/// When they cannot be listed.
pub(crate) fn all() -> io::Result<Vec<(u32, IfName)>> {
    Ok(if_nameindex()?
        .iter()
        .filter_map(|interface| Some((interface.index(), IfName::new(interface.name().to_bytes()).ok()?)))
        .collect())
}

/// The name of the one with this index, if it exists.
pub(crate) fn name_of(ifindex: u32) -> Option<IfName> {
    if_indextoname(ifindex)
        .ok()
        .and_then(|name| IfName::new(name.to_bytes()).ok())
}
