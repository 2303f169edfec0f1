//! One autora per interface and network namespace.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::SetStruct;
use nix::sys::utsname::uname;
use socket2::Socket;

use crate::kernel::bpf;
use crate::kernel::packet_socket::{address, unbound};

/// How many group numbers are tried where others hold the first ones.
const CANDIDATES: u32 = 16;
/// An odd step visits numbers far from those of neighbouring interfaces.
const STEP: u32 = 0x9e37;
/// A process whose interface was renamed ends within this time, and the one
/// for the new name may already be here.
const CLAIM_TIMEOUT: Duration = Duration::from_millis(500);
const CLAIM_RETRY_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
struct Fanout;
setsockopt_impl!(
    Fanout,
    libc::SOL_PACKET,
    libc::PACKET_FANOUT,
    libc::fanout_args,
    SetStruct<libc::fanout_args>
);

/// The claim on one interface, held while this lives.
///
/// It is a packet fanout group of at most one member. The kernel keeps such
/// groups per network namespace, only `CAP_NET_RAW` can make one, so nobody
/// without it can stand in a guest's way, and the group dies with the socket.
/// Files or abstract sockets have not all three properties.
#[derive(Debug)]
pub(crate) struct Claim {
    _group: Socket,
}

/// Why there is no claim.
#[derive(Debug)]
pub(crate) enum ClaimError {
    /// Another process holds it.
    Held,
    /// The kernel refused.
    Os(io::Error),
}

impl Claim {
    /// Claims the interface `ifindex`.
    ///
    /// # Errors
    /// When another process holds it for half a second on end, or the kernel
    /// refuses (`EPERM` without `CAP_NET_RAW`).
    pub(crate) fn take(ifindex: u32) -> Result<Self, ClaimError> {
        let group = bound(ifindex).map_err(ClaimError::Os)?;
        let mut waited = Duration::ZERO;
        loop {
            match join_first_free(&group, ifindex) {
                Err(ClaimError::Held) if waited < CLAIM_TIMEOUT => {
                    sleep(CLAIM_RETRY_INTERVAL);
                    waited += CLAIM_RETRY_INTERVAL;
                }
                Err(error) => return Err(error),
                Ok(()) => return Ok(Self { _group: group }),
            }
        }
    }
}

/// A socket that hears nothing: its ethertype is unassigned, and its filter
/// drops everything.
fn bound(ifindex: u32) -> io::Result<Socket> {
    let socket = unbound()?;
    socket.attach_filter(&[bpf::refuse()])?;
    let device = if binds_to_device(uname()?.release().as_bytes()) {
        ifindex
    } else {
        0
    };
    socket.bind(&address(device, ethertype(ifindex)))?;
    Ok(socket)
}

/// Since Linux 6.15 a packet socket that is bound to no device is asked about
/// every packet that the namespace receives: a thousand claims would cost each
/// of them 7 µs. Until 6.12 one that is bound to a device cannot join a group
/// while that is down, and one that is not costs nothing. All instances of a
/// host have to do the same, so the version decides.
fn binds_to_device(release: &[u8]) -> bool {
    let mut numbers = release
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
    let version = (numbers.next().flatten(), numbers.next().flatten());
    version >= (Some(6), Some(15))
}

/// Group numbers have 16 bits and indices 31, so the ethertype holds the rest:
/// a group of the same number but another ethertype is somebody else's. The
/// low nibble chooses the kernel's hash bucket; 5 is shared with neither IPv4,
/// IPv6, ARP nor VLANs, so that no such packet ever passes these sockets.
fn ethertype(ifindex: u32) -> u16 {
    let [_, high, ..] = ifindex.to_be_bytes();
    0xe005 | u16::from(high) << 4
}

fn join_first_free(group: &Socket, ifindex: u32) -> Result<(), ClaimError> {
    for candidate in 0..CANDIDATES {
        let [_, _, high, low] = ifindex.wrapping_add(candidate * STEP).to_be_bytes();
        let arguments = libc::fanout_args {
            id: u16::from_be_bytes([high, low]),
            type_flags: 0, // PACKET_FANOUT_HASH, no flags
            max_num_members: 1,
        };
        match setsockopt(group, Fanout, &arguments) {
            Ok(()) => return Ok(()),
            // A group of ours, full: one member is all it takes.
            Err(Errno::ENOSPC) => return Err(ClaimError::Held),
            // Somebody else's group.
            Err(Errno::EINVAL) => {}
            Err(errno) => return Err(ClaimError::Os(errno.into())),
        }
    }
    let all_taken = "all fanout groups for it are taken by other programs";
    Err(ClaimError::Os(io::Error::new(
        io::ErrorKind::AddrInUse,
        all_taken,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_decides() {
        for (release, expected) in [
            ("6.1.0-44-amd64", false),
            ("6.12.57+deb13-amd64", false),
            ("6.14.0", false),
            ("6.15.0-rc1", true),
            ("6.18.44", true),
            ("7.0", true),
            ("10.1.2", true),
        ] {
            assert_eq!(binds_to_device(release.as_bytes()), expected, "{release}");
        }
    }
}
