//! Ensures that only one process serves an interface.

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

/// How many group numbers are tried if other programs use the first ones.
const CANDIDATES: u32 = 16;
/// The step between group numbers: far from those of interfaces with a close index.
const STEP: u32 = 0x9e37;
/// A process whose interface was renamed exits within this time; the one for
/// the new name may start before.
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

/// The claim on one interface, released on drop.
///
/// It is a packet fanout group of at most one member. Such groups are per
/// network namespace, an unprivileged user cannot create one to block autora
/// (it takes `CAP_NET_RAW`), and the group is deleted with its socket. Neither
/// files nor abstract sockets have all three properties.
#[derive(Debug)]
pub(crate) struct Claim {
    _group: Socket,
}

/// Why the interface could not be claimed.
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
    /// If another process still holds it after half a second, or the kernel
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

/// A socket that receives nothing: its ethertype is unassigned, and its filter
/// drops every packet.
fn bound(ifindex: u32) -> io::Result<Socket> {
    let socket = unbound()?;
    bpf::attach(&socket, &[bpf::refuse()])?;
    let device = if binds_to_device(uname()?.release().as_bytes()) {
        ifindex
    } else {
        0
    };
    socket.bind(&address(device, ethertype(ifindex)))?;
    Ok(socket)
}

/// Since Linux 6.15 every packet that the namespace receives passes each packet
/// socket that is not bound to a device: a thousand claims would cost a packet
/// 7 µs. Up to 6.12 such a socket costs nothing, and one that is bound to a
/// device cannot join a group while the device is down. All instances of a host
/// have to do the same, so the kernel's version decides.
fn binds_to_device(release: &[u8]) -> bool {
    let mut numbers = release
        .split(|byte| !byte.is_ascii_digit())
        .map(|digits| std::str::from_utf8(digits).ok()?.parse::<u32>().ok());
    let version = (numbers.next().flatten(), numbers.next().flatten());
    version >= (Some(6), Some(15))
}

/// Group numbers have 16 bits and indices 31, so the ethertype holds further
/// bits: a group of the same number but another ethertype is for another
/// interface. The low nibble selects the kernel's hash bucket. IPv4, IPv6, ARP
/// and VLANs are not in bucket 5, so none of their packets passes these sockets.
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
            // A group of autora, which has its one member.
            Err(Errno::ENOSPC) => return Err(ClaimError::Held),
            // A group of another program or for another interface.
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
    fn the_kernel_version_is_compared_by_number() {
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
