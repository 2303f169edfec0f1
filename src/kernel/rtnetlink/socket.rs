//! A netlink socket that is connected to the kernel.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::libc;
use nix::setsockopt_impl;
use nix::sys::socket::sockopt::SetBool;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, connect, recv, send,
    setsockopt, socket,
};

use super::message::{Message, i32_at, messages};
use super::request::Request;

/// The initial buffer in bytes: large enough for the usual answers on one
/// interface, and small because every instance has one. It grows for longer answers.
const BUFFER: usize = 2048;

#[derive(Clone, Copy)]
struct StrictChecking;
setsockopt_impl!(
    StrictChecking,
    libc::SOL_NETLINK,
    libc::NETLINK_GET_STRICT_CHK,
    bool,
    SetBool
);

/// Opens a socket, to be passed to [`join`].
pub(super) fn open() -> io::Result<OwnedFd> {
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        SockProtocol::NetlinkRoute,
    )?;
    Ok(fd)
}

/// Joins the multicast `groups` (a bit mask) and connects to the kernel, so that
/// messages of other processes are not received.
pub(super) fn join(socket: &OwnedFd, groups: u32) -> io::Result<()> {
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(())
}

/// Sends requests and receives the answers, all in one buffer.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub(super) fn new() -> io::Result<Self> {
        let fd = open()?;
        setsockopt(&fd, StrictChecking, &true)?;
        join(&fd, 0)?;
        Ok(Self {
            fd,
            sequence: 0,
            buffer: vec![0; BUFFER],
        })
    }

    /// Sends a request and passes each part of the answer to `read`.
    ///
    /// It does not block: the kernel answers during the send, and continues a
    /// dump during each receive.
    ///
    /// # Errors
    /// The kernel's error. `Interrupted` if a change interrupted the dump, or if
    /// the answer was too long for the buffer, which has grown: send it again.
    /// `WouldBlock` if there was no answer.
    pub(super) fn ask(&mut self, request: &mut Request, mut read: impl FnMut(Message)) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        send(
            self.fd.as_raw_fd(),
            request.numbered(self.sequence),
            MsgFlags::empty(),
        )?;
        let mut interrupted = false;
        loop {
            let sequence = self.sequence;
            let datagram = match self.receive() {
                // The rest of the dump has to be received before the next request.
                Err(error) if error.kind() == io::ErrorKind::Interrupted && request.is_dump() => {
                    interrupted = true;
                    continue;
                }
                datagram => datagram?,
            };
            for message in messages(datagram).filter(|m| m.sequence == sequence) {
                interrupted |= i32::from(message.flags) & libc::NLM_F_DUMP_INTR != 0;
                match i32::from(message.kind) {
                    libc::NLMSG_ERROR | libc::NLMSG_DONE => {
                        let status = i32_at(message.body, 0).unwrap_or(0);
                        return match (status, interrupted) {
                            (0, true) => Err(io::ErrorKind::Interrupted.into()),
                            (0, false) => Ok(()),
                            (errno, _) => Err(io::Error::from_raw_os_error(-errno)),
                        };
                    }
                    _ => read(message),
                }
                if !request.is_dump() {
                    return Ok(());
                }
            }
        }
    }

    /// The next datagram, whole.
    ///
    /// # Errors
    /// The kernel's error; `Interrupted`, without an `errno`, if the datagram
    /// was longer than the buffer, which has grown.
    fn receive(&mut self) -> io::Result<&[u8]> {
        let received = recv(self.fd.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_TRUNC)?;
        if received > self.buffer.len() {
            self.buffer.resize(received, 0);
            return Err(io::ErrorKind::Interrupted.into());
        }
        Ok(self.buffer.get(..received).unwrap_or_default())
    }
}
