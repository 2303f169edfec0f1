//! The link as the daemon uses it: the real one, or none in a dry run.

use std::fmt::Write;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use log::info;

use crate::claim::{Claim, ClaimError};
use crate::exit::{self, Failure};
use crate::ifname::IfName;
use crate::link::Hardware;
use crate::router::Transmission;
use crate::socket::PacketSocket;
use crate::wire::{Message, Rejection};

/// The most that is thrown away before an advertisement: far more than the
/// receive buffer holds, so that only a flood is cut short.
const MAX_DISCARD: usize = 256;

/// Where packets go, and come from.
#[derive(Debug)]
pub enum Transport {
    /// The link of the interface, claimed.
    Link(Box<PacketSocket>, Claim),
    /// A log that shows what would be sent.
    DryRun,
}

impl Transport {
    /// Claims the interface `ifindex`, named `name`, and opens a socket for
    /// its kind of `hardware`.
    ///
    /// # Errors
    /// When another autora serves it, or `CAP_NET_RAW` is missing.
    pub fn open(name: &IfName, ifindex: u32, hardware: Hardware) -> Result<Self, Failure> {
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(nix::libc::EPERM) => Failure::new(
                exit::NO_PERMISSION,
                format!(
                    "{name}: CAP_NET_RAW is missing, and a raw socket needs it: run this as root or through \
                     systemctl start autora@{0}, or look first with --dry-run",
                    name.unit_instance()
                ),
            ),
            Some(nix::libc::ENODEV) => Failure::new(
                exit::NO_INPUT,
                format!("{name}: the interface went away during the start"),
            ),
            _ => Failure::os(&format!("{name}: cannot open a packet socket"), error),
        };
        let claim = Claim::take(ifindex).map_err(|error| match error {
            ClaimError::Held => Failure::new(
                exit::CONFIG,
                format!("{name}: another autora serves it already: stop that one first (ps -C autora -f)"),
            ),
            ClaimError::Os(error) => refused(error),
        })?;
        let socket = PacketSocket::open(ifindex, hardware).map_err(refused)?;
        Ok(Self::Link(Box::new(socket), claim))
    }

    /// Puts one advertisement on the link.
    ///
    /// # Errors
    /// What the kernel says; `ENXIO` once the interface is gone.
    pub fn send(&mut self, name: &IfName, hardware: Hardware, tx: &Transmission) -> io::Result<()> {
        match self {
            Self::Link(socket, _) => socket.send(&tx.ra, hardware),
            Self::DryRun => {
                info!("{name}: would send now: {}", describe(tx));
                Ok(())
            }
        }
    }

    /// The next packet that waits.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn receive(&mut self) -> io::Result<Option<Result<Message, Rejection>>> {
        match self {
            Self::Link(socket, _) => Ok(socket.receive()?.map(Message::parse)),
            Self::DryRun => Ok(None),
        }
    }

    /// Throws away what waits, as an advertisement is about to answer it.
    pub fn discard(&self) {
        if let Self::Link(socket, _) = self {
            let _all_or_enough = (0..MAX_DISCARD).all(|_| socket.discard_one());
        }
    }

    /// What to poll for packets.
    #[must_use]
    pub fn readable(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Link(socket, _) => Some(socket.as_fd()),
            Self::DryRun => None,
        }
    }
}

/// The fields of a packet, and its bytes.
#[must_use]
pub fn describe(tx: &Transmission) -> String {
    let ra = &tx.ra;
    let mut text = format!(
        "{} → ff02::1, router lifetime {}s, prefix {} (valid {}, preferred {}), IPv6 packet ",
        ra.source, ra.router_lifetime, ra.prefix.prefix, ra.prefix.valid, ra.prefix.preferred
    );
    for byte in ra.to_bytes() {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
