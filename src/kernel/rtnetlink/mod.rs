//! Reads the state of one interface from the kernel and subscribes to its events.
//!
//! Nothing here lists all interfaces of the host, so the cost of a read does
//! not depend on how many there are.

mod events;
pub mod lookup;
pub mod message;
pub mod neighbours;
mod request;
mod socket;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use autora_core::interface_name::IfName;
use autora_core::link::{Address, Link, LinkRoute};
use nix::libc;

use crate::kernel::snmp6::{CountError, ForeignCount};
pub use events::{Changes, Events};
use message::{LinkRecord, link_route, netconf_forwarding, parse_address};
use request::Request;
use socket::Socket;

/// How often a request is sent at most if its answer is interrupted (`NLM_F_DUMP_INTR`).
const MAX_ATTEMPTS: u32 = 4;

/// Why the state could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The interface does not exist, or no longer, in this network namespace.
    Gone,
    /// IPv6 ended on the interface and was started again, or started only after
    /// the reader was opened: only a new process can read the new counters.
    Ipv6Restarted,
    /// Another error, which may be temporary.
    Failed {
        /// What was to be read.
        what: &'static str,
        /// The error.
        error: io::Error,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the interface is gone"),
            Self::Ipv6Restarted => f.write_str("IPv6 was restarted on the interface"),
            Self::Failed { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Failed { error, .. } => error,
            ReadError::Gone | ReadError::Ipv6Restarted => Self::other(error.to_string()),
        }
    }
}

/// Reads the state of one interface by its index.
#[derive(Debug)]
pub struct Reader {
    socket: Socket,
    link: Request,
    addresses: Request,
    routes: Request,
    all_settings: Request,
    foreign_count: ForeignCount,
    ifindex: u32,
    name: IfName,
    /// The last snapshot; the next one uses its allocation.
    last: Option<Link>,
    /// That no route made it an uplink when they were last read. That one does
    /// is read anew each time: not every end of such a route is announced.
    has_no_uplink_route: bool,
}

impl Reader {
    /// Opens a socket for requests on the interface `ifindex`, and its counters,
    /// which are found by its `name`.
    ///
    /// # Errors
    /// If one of them cannot be opened.
    pub fn new(ifindex: u32, name: IfName) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new()?,
            link: Request::link(ifindex),
            addresses: Request::addresses(ifindex),
            routes: Request::routes(ifindex),
            all_settings: Request::all_settings(),
            foreign_count: ForeignCount::open(&name, ifindex)?,
            ifindex,
            name,
            last: None,
            has_no_uplink_route: false,
        })
    }

    /// The next reading reads the routes too: an event was about one, or may
    /// have been missed, or they were last read long ago.
    pub fn forget_routes(&mut self) {
        self.has_no_uplink_route = false;
    }

    /// The next reading reads the count of other daemons' advertisements, whatever
    /// the number of `ICMPv6` messages sent: after an event these may be others'.
    pub fn forget_counts(&mut self) {
        self.foreign_count.forget();
    }

    /// Whether an interface is called `name` now.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn exists(&mut self, name: &IfName) -> io::Result<bool> {
        match ask_link(&mut self.socket, &mut Request::link_called(name)) {
            // An alternative name is another interface's.
            Ok(record) => Ok(record.name == *name),
            Err(ReadError::Gone) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The current state of the interface.
    ///
    /// # Errors
    /// If the interface does not exist, or part of its state cannot be read.
    pub fn read(&mut self) -> Result<&Link, ReadError> {
        let record = self.record()?;
        let mut addresses = self.last.take().map_or_else(Vec::new, |link| link.addresses);
        self.read_addresses(&mut addresses)
            .map_err(failed("its addresses"))?;
        let uplink_route = self.read_routes(&mut addresses).map_err(failed("the routes"))?;
        let host_forwards = record.forces_forwarding || self.read_forwarding()?;
        // Without IPv6 there are no counters, and after a renaming others.
        let foreign_ras = if record.ipv6.is_some() && record.name == self.name {
            let count = self.foreign_count.read(record.icmpv6_sent);
            count.map_err(|error| match error {
                CountError::Ipv6Restarted => ReadError::Ipv6Restarted,
                CountError::Failed(error) => failed("/proc/self/net/dev_snmp6")(error),
            })?
        } else {
            0
        };
        Ok(self.last.insert(Link {
            ifindex: record.ifindex,
            name: record.name,
            flags: record.flags,
            hardware: record.hardware,
            port_of: record.port_of,
            carrier_ups: record.carrier_ups,
            ipv6: record.ipv6,
            addresses,
            host_forwards,
            uplink_route,
            foreign_ras,
        }))
    }

    /// The state of the interface without its addresses and routes.
    ///
    /// # Errors
    /// If the interface does not exist, or its record cannot be read.
    pub fn record(&mut self) -> Result<LinkRecord, ReadError> {
        ask_link(&mut self.socket, &mut self.link)
    }

    /// Whether the host forwards IPv6 packets.
    fn read_forwarding(&mut self) -> Result<bool, ReadError> {
        let mut found = None;
        retry_interrupted(|| {
            self.socket.ask(&mut self.all_settings, |message| {
                if message.kind == libc::RTM_NEWNETCONF {
                    found = netconf_forwarding(message.body);
                }
            })
        })
        .map_err(failed("net.ipv6.conf.all"))?;
        Ok(found != Some(0))
    }

    fn read_addresses(&mut self, addresses: &mut Vec<Address>) -> io::Result<()> {
        let ifindex = self.ifindex;
        retry_interrupted(|| {
            addresses.clear();
            self.socket.ask(&mut self.addresses, |message| {
                if message.kind == libc::RTM_NEWADDR {
                    let parsed = parse_address(message.body).filter(|&(owner, _)| owner == ifindex);
                    addresses.extend(parsed.map(|(_, address)| address));
                }
            })
        })
    }

    /// A route that makes the interface an uplink: of several, the one to the
    /// shortest prefix. The kernel walks all routes of all tables and answers
    /// with those that lead out of the interface, by whatever next-hop object.
    /// The `addresses` that the kernel added no route for are marked if there is one.
    fn read_routes(&mut self, addresses: &mut [Address]) -> io::Result<Option<LinkRoute>> {
        if self.has_no_uplink_route && addresses.iter().all(|address| address.is_routed) {
            return Ok(None);
        }
        let ifindex = self.ifindex;
        let found = retry_interrupted(|| {
            let mut found: Option<LinkRoute> = None;
            self.socket.ask(&mut self.routes, |message| {
                let Some(route) =
                    link_route(message.body, ifindex).filter(|_| message.kind == libc::RTM_NEWROUTE)
                else {
                    return;
                };
                for address in addresses.iter_mut() {
                    address.is_routed |= route.leads_to_prefix_of(address.prefix_address);
                }
                found = found
                    .into_iter()
                    .chain(Some(route).filter(LinkRoute::makes_an_uplink))
                    .min_by_key(|route| route.prefix_len);
            })?;
            Ok(found)
        })?;
        self.has_no_uplink_route = found.is_none();
        Ok(found)
    }
}

/// The answer to a request for one link record.
fn ask_link(socket: &mut Socket, request: &mut Request) -> Result<LinkRecord, ReadError> {
    let mut record = None;
    let answer = retry_interrupted(|| {
        socket.ask(request, |message| {
            if message.kind == libc::RTM_NEWLINK {
                record = LinkRecord::parse(message.body);
            }
        })
    });
    match (answer, record) {
        (Err(error), _) if error.raw_os_error() == Some(libc::ENODEV) => Err(ReadError::Gone),
        (Err(error), _) => Err(failed("its link")(error)),
        (Ok(()), Some(record)) => Ok(record),
        (Ok(()), None) => Err(failed("its link")(io::ErrorKind::InvalidData.into())),
    }
}

/// Asks again while a change interrupts a dump, or an answer was longer than
/// any before.
fn retry_interrupted<T>(mut ask: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..MAX_ATTEMPTS {
        match ask() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
    ask()
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> ReadError {
    move |error| ReadError::Failed { what, error }
}
