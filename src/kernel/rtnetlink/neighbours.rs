//! The neighbour table, which only commands ask for: what it holds is up to the guests, and no
//! instance is to depend on it or to pay for it.

use std::io;
use std::net::Ipv6Addr;

use autora_core::link::IFF_NOARP;
use autora_core::neighbour::{Neighbour, NeighbourTable};
use nix::libc;

use super::message::{parse_address, parse_neighbour, parse_neighbour_table};
use super::request::{RTM_NEWNEIGHTBL, Request};
use super::socket::Socket;
use super::{ask_link, retry_interrupted};

/// Reads the neighbours of this host.
#[derive(Debug)]
pub struct Neighbours {
    socket: Socket,
}

impl Neighbours {
    /// Opens a socket, for which no privilege is needed.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::new()?;
        Ok(Self { socket })
    }

    /// Whether the host has neighbours on the interface: the kernel finds them by discovery.
    ///
    /// # Errors
    /// If the kernel cannot be asked, or the interface is gone.
    pub fn are_found_on(&mut self, ifindex: u32) -> io::Result<bool> {
        let record = ask_link(&mut self.socket, &mut Request::link(ifindex))?;
        Ok(record.flags & IFF_NOARP == 0)
    }

    /// The host's own IPv6 addresses on the interface.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn own_addresses(&mut self, ifindex: u32) -> io::Result<Vec<Ipv6Addr>> {
        let mut request = Request::addresses(ifindex);
        retry_interrupted(|| {
            let mut own = Vec::new();
            self.socket.ask(&mut request, |message| {
                if message.kind == libc::RTM_NEWADDR {
                    let parsed = parse_address(message.body).filter(|&(owner, _)| owner == ifindex);
                    own.extend(parsed.map(|(_, address)| address.local));
                }
            })?;
            Ok(own)
        })
    }

    /// Passes each neighbour on the interface `only`, or on all, to `see`, with the interface's index.
    /// What was seen is collected in a `T`, of which each attempt begins a new one with `start`.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn collect<T>(
        &mut self,
        only: Option<u32>,
        start: impl Fn() -> T,
        see: impl Fn(&mut T, u32, Neighbour),
    ) -> io::Result<T> {
        let mut request = Request::neighbours(only);
        retry_interrupted(|| {
            let mut seen = start();
            self.socket.ask(&mut request, |message| {
                let parsed = parse_neighbour(message.body).filter(|_| message.kind == libc::RTM_NEWNEIGH);
                let wanted = |&(ifindex, _): &(u32, Neighbour)| only.is_none_or(|only| ifindex == only);
                if let Some((ifindex, neighbour)) = parsed.filter(wanted) {
                    see(&mut seen, ifindex, neighbour);
                }
            })?;
            Ok(seen)
        })
    }

    /// The size of the table; `None` if the kernel does not say. `/proc` has it in the initial network
    /// namespace only, and rtnetlink in each, the same: the table is one for all.
    ///
    /// # Errors
    /// If the kernel cannot be asked.
    pub fn table(&mut self) -> io::Result<Option<NeighbourTable>> {
        let mut request = Request::neighbour_table();
        let mut found = None;
        retry_interrupted(|| {
            self.socket.ask(&mut request, |message| {
                if message.kind == RTM_NEWNEIGHTBL {
                    found = found.or_else(|| parse_neighbour_table(message.body));
                }
            })
        })?;
        Ok(found)
    }
}
