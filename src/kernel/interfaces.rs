//! The interfaces of this network namespace.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::linux::fs::MetadataExt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

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

/// Whether the interface's link-layer address was set, and is neither random nor
/// taken from a port; `None` if sysfs cannot tell.
pub(crate) fn has_fixed_address(name: &IfName, ifindex: u32) -> Option<bool> {
    const NET_ADDR_SET: &str = "3";
    let origin = fs::read_to_string(sysfs(name, ifindex)?.join("addr_assign_type")).ok()?;
    Some(origin.trim_ascii_end() == NET_ADDR_SET)
}

/// The inode of the interface's directory in sysfs, which is never used again
/// before a reboot; `None` if sysfs cannot tell.
fn sysfs_inode(name: &IfName, ifindex: u32) -> Option<u64> {
    Some(fs::metadata(sysfs(name, ifindex)?).ok()?.st_ino())
}

/// The interface's directory in sysfs; `None` if sysfs shows another namespace
/// or is not mounted.
fn sysfs(name: &IfName, ifindex: u32) -> Option<PathBuf> {
    let directory = Path::new("/sys/class/net").join(OsStr::from_bytes(name.as_bytes()));
    let index = fs::read_to_string(directory.join("ifindex")).ok()?;
    (index.trim_ascii_end() == ifindex.to_string()).then_some(directory)
}
