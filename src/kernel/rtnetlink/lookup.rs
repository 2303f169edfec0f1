//! Questions about one destination or one interface that only `autora check`
//! asks: where packets go, and what kind of interface it is.

use std::io;
use std::net::Ipv6Addr;

use nix::libc;

use super::message::{
    IFLA_LINKINFO, INET6, RTA_DST, RTA_MULTIPATH, RTA_OIF, attributes, ipv6, next_hops, u32_at,
};
use super::request::{RTM_F_FIB_MATCH, Request};
use super::retry_interrupted;
use super::socket::Socket;

const IFLA_INFO_KIND: u16 = 1;

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

/// Whether the interface `ifindex` is a bridge.
///
/// # Errors
/// When the kernel cannot be asked, or the interface is gone.
pub fn is_bridge(ifindex: u32) -> io::Result<bool> {
    let mut socket = Socket::new()?;
    let mut request = Request::link(ifindex);
    let mut found = false;
    retry_interrupted(|| {
        socket.ask(&mut request, |message| {
            let attributes = attributes(message.body.get(16..).unwrap_or_default());
            found = attributes
                .filter(|&(kind, _)| kind == IFLA_LINKINFO)
                .flat_map(|(_, info)| super::message::attributes(info))
                .any(|(kind, value)| kind == IFLA_INFO_KIND && value.strip_suffix(&[0]) == Some(b"bridge"));
        })
    })?;
    Ok(found)
}
