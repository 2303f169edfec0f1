//! The interfaces of this network namespace.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use autora_core::interface_name::IfName;
use autora_core::link::LinkIdentity;
use nix::net::if_::{if_indextoname, if_nameindex};

use super::namespace;

/// All interfaces, each with its index.
///
/// # Errors
/// If they cannot be listed.
pub(crate) fn all() -> io::Result<Vec<(u32, IfName)>> {
    Ok(if_nameindex()?
        .iter()
        .filter_map(|interface| Some((interface.index(), IfName::new(interface.name().to_bytes()).ok()?)))
        .collect())
}

/// The name of the interface with this index, if it exists.
pub(crate) fn name_of(ifindex: u32) -> Option<IfName> {
    if_indextoname(ifindex)
        .ok()
        .and_then(|name| IfName::new(name.to_bytes()).ok())
}

/// The identity of the interface. Numbers that cannot be read are left out.
pub(crate) fn identity(name: IfName, ifindex: u32) -> LinkIdentity {
    LinkIdentity {
        name,
        ifindex,
        // Without /proc there is no number that distinguishes namespaces.
        namespace: namespace::inode().unwrap_or(0),
        namespace_cookie: namespace::cookie(),
        link_id: sysfs_inode(&name, ifindex),
    }
}

/// The inode of the interface's directory in sysfs, which is never used again
/// before a reboot; `None` if sysfs shows another namespace or is not mounted.
fn sysfs_inode(name: &IfName, ifindex: u32) -> Option<u64> {
    let directory = Path::new("/sys/class/net").join(OsStr::from_bytes(name.as_bytes()));
    let index = fs::read_to_string(directory.join("ifindex")).ok()?;
    (index.trim_ascii_end() == ifindex.to_string()).then_some(())?;
    Some(fs::metadata(directory).ok()?.st_ino())
}
