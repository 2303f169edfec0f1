//! The network namespace of this process.

use std::fs;
use std::io;
use std::os::linux::fs::MetadataExt;

use nix::getsockopt_impl;
use nix::libc;
use nix::sys::socket::sockopt::GetStruct;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, getsockopt, socket};

// A value that the libc crate does not have (`asm-generic/socket.h`).
const SO_NETNS_COOKIE: libc::c_int = 71;

#[derive(Clone, Copy)]
struct NetnsCookie;
getsockopt_impl!(
    NetnsCookie,
    libc::SOL_SOCKET,
    SO_NETNS_COOKIE,
    u64,
    GetStruct<u64>
);

/// The inode of the namespace, which a later namespace may get again.
///
/// # Errors
/// If `/proc` is not mounted.
pub(crate) fn inode() -> io::Result<u64> {
    fs::metadata("/proc/self/ns/net").map(|namespace| namespace.st_ino())
}

/// The cookie of the namespace, which no other one gets before a reboot; `None`
/// before Linux 5.14.
pub(crate) fn cookie() -> Option<u64> {
    let any = socket(
        AddressFamily::Unix,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )
    .ok()?;
    getsockopt(&any, NetnsCookie).ok()
}
