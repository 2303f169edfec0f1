//! Look-ups for `autora check`: the route to a destination, and the bridge of an interface.

use std::io;
use std::net::Ipv6Addr;

use nix::libc;

use super::message::{INET6, RTA_MULTIPATH, RTA_OIF, attributes, ipv6, next_hops, u32_at};
use super::request::{RTM_F_FIB_MATCH, Request};
use super::retry_interrupted;
use super::socket::Socket;

const RTA_DST: u16 = 1;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_SLAVE_KIND: u16 = 4;

/// The route that the kernel chose for a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The destination prefix.
    pub destination: Ipv6Addr,
    /// Its length in bits; 0 for a default route.
    pub prefix_len: u8,
    /// `RTPROT_*`, which names the program that added it.
    pub protocol: u8,
    /// The outgoing interface; of several, the first.
    pub ifindex: u32,
}

/// The route of packets to `destination`; `None` if there is none, or if it
/// refuses them.
///
/// # Errors
/// If the kernel cannot be queried.
pub fn route_to(destination: Ipv6Addr) -> io::Result<Option<Route>> {
    let mut body = vec![0; 12];
    body.splice(0..2, [INET6, 128]);
    body.splice(8..12, RTM_F_FIB_MATCH.to_ne_bytes());
    body.extend(20_u16.to_ne_bytes());
    body.extend(RTA_DST.to_ne_bytes());
    body.extend(destination.octets());
    let mut socket = Socket::new()?;
    let mut request = Request::new(libc::RTM_GETROUTE, false, &body);
    let mut found = None;
    let answer = retry_interrupted(|| {
        socket.ask(&mut request, |message| {
            if message.kind == libc::RTM_NEWROUTE {
                found = parse_route(message.body);
            }
        })
    });
    match answer.as_ref().map_err(io::Error::raw_os_error) {
        Ok(()) => Ok(found),
        // No route, or one of the type blackhole, prohibit, unreachable or throw.
        Err(Some(libc::ENETUNREACH | libc::EINVAL | libc::EACCES | libc::EHOSTUNREACH | libc::EAGAIN)) => {
            Ok(None)
        }
        Err(_) => answer.map(|()| None),
    }
}

fn parse_route(body: &[u8]) -> Option<Route> {
    let &[
        INET6,
        prefix_len,
        _,
        _,
        _,
        protocol,
        _,
        _,
        _,
        _,
        _,
        _,
        ref rest @ ..,
    ] = body
    else {
        return None;
    };
    let mut destination = Ipv6Addr::UNSPECIFIED;
    let mut ifindex = None;
    for (kind, value) in attributes(rest) {
        match kind {
            RTA_DST => destination = ipv6(value)?,
            RTA_OIF => ifindex = u32_at(value, 0),
            RTA_MULTIPATH => ifindex = ifindex.or_else(|| next_hops(value).next()),
            _ => {}
        }
    }
    Some(Route {
        destination,
        prefix_len,
        protocol,
        ifindex: ifindex?,
    })
}

/// The role of an interface in bridging.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bridging {
    /// Neither a bridge nor a port.
    None,
    /// A bridge.
    Bridge,
    /// A port of the bridge with this index.
    Port(u32),
}

/// The role of the interface `ifindex`.
///
/// # Errors
/// If the kernel cannot be queried, or the interface does not exist.
pub fn bridging(ifindex: u32) -> io::Result<Bridging> {
    let mut socket = Socket::new()?;
    let mut request = Request::link(ifindex);
    let mut found = Bridging::None;
    retry_interrupted(|| {
        socket.ask(&mut request, |message| {
            if message.kind == libc::RTM_NEWLINK {
                found = parse_bridging(message.body);
            }
        })
    })?;
    Ok(found)
}

fn parse_bridging(body: &[u8]) -> Bridging {
    let (mut bridge, mut port, mut master) = (false, false, None);
    for (kind, value) in attributes(body.get(16..).unwrap_or_default()) {
        match kind {
            IFLA_MASTER => master = u32_at(value, 0),
            IFLA_LINKINFO => {
                for (kind, value) in attributes(value) {
                    let of_bridge = value.strip_suffix(&[0]).unwrap_or(value) == b"bridge";
                    bridge |= kind == IFLA_INFO_KIND && of_bridge;
                    port |= kind == IFLA_INFO_SLAVE_KIND && of_bridge;
                }
            }
            _ => {}
        }
    }
    match master {
        _ if bridge => Bridging::Bridge,
        Some(master) if port => Bridging::Port(master),
        _ => Bridging::None,
    }
}
