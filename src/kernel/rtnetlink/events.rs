//! A subscription to the events of one interface.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use autora_core::link::LinkRoute;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};
use socket2::SockFilter;

use super::message::{HEADER_LEN, RTPROT_RA, TYPE_AT, u16_at, u32_at};
use super::socket::{join, open};
use crate::kernel::bpf;

/// `RTMGRP_*` bits of the groups link, IPv6 address, IPv6 route, IPv6 link,
/// IPv6 netconf and next hop.
const GROUPS: u32 =
    1 << 0 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << (libc::RTNLGRP_IPV6_NETCONF - 1) | 1 << (RTNLGRP_NEXTHOP - 1);

// Values that the libc crate does not have for every target.
const RTNLGRP_NEXTHOP: u32 = 32;
const RTM_NEWNEXTHOP: u16 = 104;
const RTM_DELNEXTHOP: u16 = 105;

/// A summary of received events. It has no details, since the state is read
/// again after any event.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Changes {
    /// The interface was deleted or moved to another namespace, even if a new
    /// one with the same index and name exists.
    pub gone: bool,
    /// A route that makes it an uplink, or may be one to an address's prefix, came or went.
    pub routes: bool,
    /// Events were lost: anything may have happened.
    pub overflow: bool,
}

/// The events of one interface.
#[derive(Debug)]
pub struct Events {
    socket: OwnedFd,
    ifindex: u32,
}

impl Events {
    /// Subscribes to the events of the interface `ifindex`.
    ///
    /// # Errors
    /// If the socket cannot be opened.
    pub fn subscribe(ifindex: u32) -> io::Result<Self> {
        let socket = open()?;
        // Before joining, so that no event is received unfiltered.
        bpf::attach(&socket, &filter(ifindex))?;
        join(&socket, GROUPS)?;
        Ok(Self { socket, ifindex })
    }

    /// Receives all waiting events; `None` if there are none. Call it before the state is read, so that a
    /// change during the read causes another event.
    ///
    /// # Errors
    /// The socket's error, if it is permanent.
    pub fn drain(&mut self) -> io::Result<Option<Changes>> {
        let mut found = None;
        // A datagram has one message, whose start is enough.
        let mut start = [0; HEADER_LEN + 8];
        loop {
            match recv(self.socket.as_raw_fd(), &mut start, MsgFlags::empty()) {
                Ok(_) => {}
                Err(Errno::EAGAIN) => return Ok(found),
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => {
                    found.get_or_insert_with(Changes::default).overflow = true;
                    continue;
                }
                Err(errno) => return Err(errno.into()),
            }
            let changes = found.get_or_insert_with(Changes::default);
            match u16_at(&start, TYPE_AT) {
                // With AF_BRIDGE it was only removed from its bridge.
                Some(libc::RTM_DELLINK) => {
                    let family = start.get(HEADER_LEN);
                    changes.gone |=
                        family == Some(&0) && u32_at(&start, HEADER_LEN + 4) == Some(self.ifindex);
                }
                Some(libc::RTM_NEWROUTE | libc::RTM_DELROUTE | RTM_NEWNEXTHOP | RTM_DELNEXTHOP) => {
                    changes.routes = true;
                }
                _ => {}
            }
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A classic BPF program over a netlink message. Without it each of a thousand instances would wake for every event of
/// every other interface.
///
/// It does not pass a route or a next hop that names another interface: such an
/// event cannot make the own interface an uplink, only end that. Routes to a /64 are
/// passed for the addresses that have no route from the kernel.
#[rustfmt::skip]
fn filter(ifindex: u32) -> [SockFilter; 32] {
    // Offsets from the start of struct nlmsghdr.
    const TYPE: u32 = 4;
    const LINK_OR_ADDRESS_INDEX: u32 = 16 + 4; // ifi_index, ifa_index
    const NETCONF_INDEX: u32 = 16 + 4 + 4;     // the first attribute, NETCONFA_IFINDEX
    const ROUTE_DST_LEN: u32 = 16 + 1;
    const ROUTE_PROTOCOL: u32 = 16 + 5;
    const ROUTE_ATTRIBUTES: u32 = 16 + 12;
    const RTA_OIF: u32 = 4;
    const NEXT_HOP_ATTRIBUTES: u32 = 16 + 8;
    const NHA_OIF: u32 = 5;
    const SHORTEST_ASSIGNED: u32 = LinkRoute::SHORTEST_ASSIGNED as u32;

    // Loads are big-endian, the fields are in host byte order.
    let kind = |kind: u16| u32::from(u16::from_be_bytes(kind.to_ne_bytes()));
    let index = u32::from_be_bytes(ifindex.to_ne_bytes());
    [
        /*  0 */ bpf::load_half(TYPE),
        /*  1 */ bpf::if_equal(kind(libc::RTM_NEWLINK), 9, 0),    // → 11
        /*  2 */ bpf::if_equal(kind(libc::RTM_DELLINK), 8, 0),    // → 11
        /*  3 */ bpf::if_equal(kind(libc::RTM_NEWADDR), 7, 0),    // → 11
        /*  4 */ bpf::if_equal(kind(libc::RTM_DELADDR), 6, 0),    // → 11
        /*  5 */ bpf::if_equal(kind(libc::RTM_NEWNETCONF), 7, 0), // → 13
        /*  6 */ bpf::if_equal(kind(libc::RTM_NEWROUTE), 8, 0),   // → 15
        /*  7 */ bpf::if_equal(kind(libc::RTM_DELROUTE), 7, 0),   // → 15
        /*  8 */ bpf::if_equal(kind(RTM_NEWNEXTHOP), 14, 0),      // → 23
        /*  9 */ bpf::if_equal(kind(RTM_DELNEXTHOP), 13, 0),      // → 23
        /* 10 */ bpf::refuse(),
        /* 11 */ bpf::load_word(LINK_OR_ADDRESS_INDEX),
        /* 12 */ bpf::if_equal(index, 18, 17),                    // → 31, 30
        /* 13 */ bpf::load_word(NETCONF_INDEX),
        /* 14 */ bpf::if_equal(index, 16, 15),                    // → 31, 30
        /* 15 */ bpf::load_byte(ROUTE_DST_LEN),
        /* 16 */ bpf::if_at_least(SHORTEST_ASSIGNED, 0, 3),       // → 17, 20
        /* 17 */ bpf::if_equal(64, 2, 0),                         // → 20, 18
        /* 18 */ bpf::load_byte(ROUTE_PROTOCOL),
        /* 19 */ bpf::if_equal(RTPROT_RA.into(), 0, 10),          // → 20, 30
        /* 20 */ bpf::load_x_value(RTA_OIF),
        /* 21 */ bpf::load_value(ROUTE_ATTRIBUTES),
        /* 22 */ bpf::skip(2),                                    // → 25
        /* 23 */ bpf::load_x_value(NHA_OIF),
        /* 24 */ bpf::load_value(NEXT_HOP_ATTRIBUTES),
        /* 25 */ bpf::load_extension(libc::SKF_AD_NLATTR),        // A = where the attribute X stands, or 0
        /* 26 */ bpf::if_equal(0, 4, 0),                          // several, or an object: one may be ours → 31
        /* 27 */ bpf::copy_to_x(),
        /* 28 */ bpf::load_word_indexed(4),
        /* 29 */ bpf::if_equal(index, 1, 0),                      // → 31, 30
        /* 30 */ bpf::refuse(),
        /* 31 */ bpf::accept(),
    ]
}
