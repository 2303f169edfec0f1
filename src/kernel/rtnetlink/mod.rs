//! Reads the state of one interface from the kernel and subscribes to its events.
//!
//! Nothing here lists all interfaces of the host, so the cost of a read does
//! not depend on how many there are.

mod events;
pub mod lookup;
pub mod message;
mod request;
mod socket;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use autora_core::link::{Address, Link};
use nix::libc;

use crate::kernel::snmp6::ForeignCount;
pub use events::{Changes, Events};
use message::{LinkRecord, is_default_route, is_source_specific_default, parse_address, uses_other_table};
use request::Request;
use socket::Socket;

/// How often a request is sent at most if its answer is interrupted (`NLM_F_DUMP_INTR`).
const MAX_ATTEMPTS: u32 = 4;

/// Why the state could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The interface does not exist, or no longer, in this network namespace.
    Gone,
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
            Self::Failed { what, error } => write!(f, "{what}: {error}"),
        }
    }
}

/// Reads the state of one interface by its index.
#[derive(Debug)]
pub struct Reader {
    socket: Socket,
    link: Request,
    addresses: Request,
    default_route: Request,
    foreign_count: ForeignCount,
    ifindex: u32,
    /// The last snapshot; the next one uses its allocation.
    last: Option<Link>,
    /// Whether there may be default routes that a look-up does not show; `None`
    /// if that has to be read.
    may_have_hidden: Option<bool>,
    /// Whether one of those uses the interface; `None` if that has to be read.
    has_hidden: Option<bool>,
}

impl Reader {
    /// Opens a socket for requests on the interface `ifindex`.
    ///
    /// # Errors
    /// If the socket cannot be opened.
    pub fn new(ifindex: u32) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new()?,
            link: Request::link(ifindex),
            addresses: Request::addresses(ifindex),
            default_route: Request::default_route(ifindex),
            foreign_count: ForeignCount::new(),
            ifindex,
            last: None,
            may_have_hidden: None,
            has_hidden: None,
        })
    }

    /// Discards what is known of hidden default routes: one was added or
    /// removed, or that event may have been lost.
    pub fn forget_routes(&mut self) {
        self.may_have_hidden = None;
        self.has_hidden = None;
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
        let default_route = self.has_default_route().map_err(failed("the routes"))?;
        let foreign_ras = if record.ipv6.is_some() {
            let count = self.foreign_count.read(&record.name, record.icmpv6_sent);
            count.map_err(failed("/proc/self/net/dev_snmp6"))?
        } else {
            // Without IPv6 the file does not exist. Afterwards the kernel counts from zero.
            self.foreign_count = ForeignCount::new();
            0
        };
        Ok(self.last.insert(Link {
            ifindex: record.ifindex,
            name: record.name,
            flags: record.flags,
            hardware: record.hardware,
            carrier_ups: record.carrier_ups,
            ipv6: record.ipv6,
            addresses,
            default_route,
            foreign_ras,
        }))
    }

    /// The state of the interface without its addresses and routes.
    ///
    /// # Errors
    /// If the interface does not exist, or its record cannot be read.
    pub fn record(&mut self) -> Result<LinkRecord, ReadError> {
        let mut record = None;
        let answer = retry_interrupted(|| {
            self.socket.ask(&mut self.link, |message| {
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

    /// Whether a default route uses the interface, in any table and for any source.
    ///
    /// On most hosts one look-up is enough, at a cost that does not depend on
    /// the number of routes. If it may not show all routes, those of the
    /// interface are read, once and after each event about a default route.
    fn has_default_route(&mut self) -> io::Result<bool> {
        let may_have_hidden = match self.look_up_default_route()? {
            LookUp::Found => return Ok(true),
            LookUp::Refused => true,
            LookUp::Nothing => match self.may_have_hidden {
                Some(known) => known,
                None => self.has_rules()? || Self::has_source_specific_routes()?,
            },
        };
        self.may_have_hidden = Some(may_have_hidden);
        if !may_have_hidden {
            return Ok(false);
        }
        let has_hidden = match self.has_hidden {
            Some(known) => known,
            None => self.read_default_route()?,
        };
        self.has_hidden = Some(has_hidden);
        Ok(has_hidden)
    }

    fn look_up_default_route(&mut self) -> io::Result<LookUp> {
        let ifindex = self.ifindex;
        let mut found = false;
        let answer = retry_interrupted(|| {
            self.socket.ask(&mut self.default_route, |message| {
                found |= message.kind == libc::RTM_NEWROUTE && is_default_route(message.body, ifindex);
            })
        });
        match answer.as_ref().map_err(io::Error::raw_os_error) {
            Ok(()) if found => Ok(LookUp::Found),
            Ok(()) | Err(Some(libc::ENETUNREACH)) => Ok(LookUp::Nothing),
            // A route of the type blackhole, prohibit, unreachable or throw.
            Err(Some(libc::EINVAL | libc::EACCES | libc::EHOSTUNREACH | libc::EAGAIN)) => Ok(LookUp::Refused),
            Err(_) => answer.map(|()| LookUp::Nothing),
        }
    }

    fn has_rules(&mut self) -> io::Result<bool> {
        self.any_of(&mut Request::rules(), libc::RTM_NEWRULE, uses_other_table)
    }

    /// Whether there are routes such as `default from 2001:db8::/56`. The kernel
    /// dumps these first, so the first part of the dump is enough. The socket is
    /// closed without reading the rest.
    fn has_source_specific_routes() -> io::Result<bool> {
        let mut found = false;
        Socket::new()?.ask_for_first_part(&mut Request::main_table(), |message| {
            found |= message.kind == libc::RTM_NEWROUTE && is_source_specific_default(message.body);
        })?;
        Ok(found)
    }

    fn read_default_route(&mut self) -> io::Result<bool> {
        let ifindex = self.ifindex;
        let ours = |body: &[u8]| is_default_route(body, ifindex);
        self.any_of(&mut Request::routes(ifindex), libc::RTM_NEWROUTE, ours)
    }

    fn any_of(&mut self, dump: &mut Request, kind: u16, holds: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        retry_interrupted(|| {
            let mut found = false;
            self.socket.ask(dump, |message| {
                found |= message.kind == kind && holds(message.body);
            })?;
            Ok(found)
        })
    }
}

/// The result of looking up a default route out of the interface.
enum LookUp {
    Found,
    Nothing,
    /// A route or rule that refuses packets was found; it may hide other routes.
    Refused,
}

/// Repeats a request whose dump was interrupted by a change, or whose answer was
/// longer than the buffer.
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
