//! The link as the daemon uses it: the real one, or none in a dry run.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use autora_core::interface_name::IfName;
use autora_core::link::Hardware;
use autora_core::router::Transmission;
use autora_core::wire::{Message, Rejection};
use log::info;

use super::error::DaemonError;
use crate::kernel::claim::{Claim, ClaimError};
use crate::kernel::packet_socket::PacketSocket;

/// Where packets go, and come from.
#[derive(Debug)]
pub(super) enum Transport {
    /// The link of the interface, claimed.
    Link {
        /// Bound to it.
        socket: Box<PacketSocket>,
        /// Held for as long as the socket.
        _claim: Claim,
    },
    /// A log that shows what would be sent.
    DryRun,
    /// The instance is about to exit.
    Closed,
}

impl Transport {
    /// Claims the interface `ifindex`, named `name`, and opens a socket for
    /// its kind of `hardware`.
    ///
    /// # Errors
    /// When another autora serves it, or `CAP_NET_RAW` is missing.
    pub(super) fn open(name: &IfName, ifindex: u32, hardware: Hardware) -> Result<Self, DaemonError> {
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(nix::libc::EPERM) => DaemonError::NoCapability(*name),
            Some(nix::libc::ENODEV) => DaemonError::WentAway(*name),
            _ => DaemonError::os(*name, "cannot open a packet socket")(error),
        };
        let claim = Claim::take(ifindex).map_err(|error| match error {
            ClaimError::Held => DaemonError::Claimed(*name),
            ClaimError::Os(error) => refused(error),
        })?;
        let socket = PacketSocket::open(ifindex, hardware).map_err(refused)?;
        Ok(Self::Link {
            socket: Box::new(socket),
            _claim: claim,
        })
    }

    /// Puts one advertisement on the link.
    ///
    /// # Errors
    /// What the kernel says; `ENXIO` once the interface is gone.
    pub(super) fn send(&mut self, name: &IfName, hardware: Hardware, tx: &Transmission) -> io::Result<()> {
        match self {
            Self::Link { socket, .. } => socket.send(&tx.ra, hardware),
            Self::DryRun => {
                info!("{name}: would send now: {}", tx.ra);
                Ok(())
            }
            Self::Closed => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The next packet that waits.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn receive(&mut self) -> io::Result<Option<Result<Message, Rejection>>> {
        match self {
            Self::Link { socket, .. } => Ok(socket.receive()?.map(Message::parse)),
            Self::DryRun | Self::Closed => Ok(None),
        }
    }

    /// Whether packets were lost since the last call because too many waited.
    pub(super) fn has_lost_packets(&self) -> bool {
        match self {
            Self::Link { socket, .. } => socket.has_lost_packets(),
            Self::DryRun | Self::Closed => false,
        }
    }

    /// Whether the interface was deleted or left the namespace, even if one of
    /// the same index and name exists again.
    pub(super) fn has_lost_interface(&self) -> bool {
        match self {
            Self::Link { socket, .. } => socket.has_lost_interface(),
            Self::DryRun | Self::Closed => false,
        }
    }

    /// Releases the claim and the socket: another instance may serve the
    /// interface after that.
    pub(super) fn close(&mut self) {
        *self = Self::Closed;
    }

    /// What to poll for packets.
    #[must_use]
    pub(super) fn readable(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Link { socket, .. } => Some(socket.as_fd()),
            Self::DryRun | Self::Closed => None,
        }
    }
}
