//! The raw packet socket that sends and receives on one interface.
//!
//! In contrast to an `ICMPv6` socket it costs packets of other interfaces
//! nothing, needs no neighbour entry to send, and never sends on another
//! interface that got the same index (`ARCHITECTURE.md` has the figures).

use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use autora_core::link::Hardware;
use autora_core::wire::{
    ALL_NODES_MAC, HOP_LIMIT, IPV6_HEADER_LEN, NEXT_HEADER_ICMPV6, RA_PACKET_LEN, ROUTER_ADVERTISEMENT,
    ROUTER_SOLICITATION, RouterAdvertisement,
};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::{GetStruct, SetBool};
use nix::sys::socket::{MsgFlags, SockaddrStorage, getsockname, getsockopt, recv, setsockopt};
use nix::{getsockopt_impl, setsockopt_impl};
use socket2::{Domain, Protocol, SockAddr, SockFilter, Socket, Type};

use crate::kernel::bpf;

/// `ETH_P_ALL`: costs a forwarded packet of its interface 35 ns; `ETH_P_IPV6`
/// would cost 200 ns.
const ETH_P_ALL: u16 = 0x0003;
/// `ETH_P_IPV6`.
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Two MAC addresses and the ethertype.
const ETHERNET_HEADER_LEN: usize = 14;
/// The kernel's receive buffer in bytes, for a few packets: one answer serves
/// all solicitations that wait.
const RECEIVE_BUFFER: usize = 4096;
/// The usual size of our buffer in bytes: large enough for usual solicitations,
/// and small because every instance has one.
const USUAL_FRAME: usize = 1514;
/// Its size in bytes while a longer packet waits: that of the longest IPv6
/// packet. A frame on a tap may be much longer; the rest is not part of the packet.
const LONGEST_FRAME: usize = ETHERNET_HEADER_LEN + IPV6_HEADER_LEN + u16::MAX as usize;

#[derive(Clone, Copy)]
struct IgnoreOutgoing;
setsockopt_impl!(
    IgnoreOutgoing,
    libc::SOL_PACKET,
    libc::PACKET_IGNORE_OUTGOING,
    bool,
    SetBool
);

/// Counters that are reset when they are read.
#[derive(Clone, Copy)]
struct Statistics;
getsockopt_impl!(
    Statistics,
    libc::SOL_PACKET,
    libc::PACKET_STATISTICS,
    libc::tpacket_stats,
    GetStruct<libc::tpacket_stats>
);

/// A packet socket bound to one interface.
#[derive(Debug)]
pub(crate) struct PacketSocket {
    socket: Socket,
    header_len: usize,
    received: Vec<u8>,
    sent: [u8; ETHERNET_HEADER_LEN + RA_PACKET_LEN],
}

impl PacketSocket {
    /// Opens the socket on the interface `ifindex`, which may be down and has
    /// the link type `hardware`.
    ///
    /// # Errors
    /// `EPERM` without `CAP_NET_RAW`; `ENODEV` if the interface does not exist.
    pub(crate) fn open(ifindex: u32, hardware: Hardware) -> io::Result<Self> {
        let header_len = header_len(hardware);
        // With protocol 0 it receives nothing before bind, when the filter is attached.
        let socket = unbound()?;
        bpf::attach(&socket, &filter(header_len))?;
        setsockopt(&socket, IgnoreOutgoing, &true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.bind(&address(ifindex, ETH_P_ALL))?;
        Ok(Self {
            socket,
            header_len,
            received: vec![0; USUAL_FRAME],
            sent: [0; ETHERNET_HEADER_LEN + RA_PACKET_LEN],
        })
    }

    /// Sends `ra` to all nodes on the link, with the link-layer header of `hardware`.
    ///
    /// The call names no destination. With one, the kernel would look up the
    /// interface by index and might find a new one with the same index; without,
    /// it uses the interface that the socket was bound to.
    ///
    /// # Errors
    /// The kernel's error; always `ENXIO` once the interface is deleted.
    pub(crate) fn send(&mut self, ra: &RouterAdvertisement, hardware: Hardware) -> io::Result<()> {
        let (header, packet) = self
            .sent
            .split_first_chunk_mut::<ETHERNET_HEADER_LEN>()
            .ok_or(io::ErrorKind::InvalidInput)?;
        ra.encode(packet.try_into().map_err(|_| io::ErrorKind::InvalidInput)?);
        let frame = match hardware {
            Hardware::Ethernet(mac) => {
                *header = ethernet_header(mac);
                &self.sent[..]
            }
            Hardware::Bare => packet,
            Hardware::Other(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        self.socket.send(frame).map(drop)
    }

    /// The next received IPv6 packet; `None` if there is none.
    ///
    /// # Errors
    /// The kernel's error, for example `ENETDOWN` once after the interface went down.
    pub(crate) fn receive(&mut self) -> io::Result<Option<&[u8]>> {
        let peek = MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC;
        let len = match recv(self.socket.as_raw_fd(), &mut [], peek) {
            Err(Errno::EWOULDBLOCK) => {
                self.resize(USUAL_FRAME);
                return Ok(None);
            }
            len => len?,
        };
        if len > USUAL_FRAME {
            self.resize(LONGEST_FRAME);
        }
        let len = (&self.socket).read(&mut self.received)?;
        Ok(Some(self.received.get(self.header_len..len).unwrap_or_default()))
    }

    /// Changes the size of the buffer.
    fn resize(&mut self, len: usize) {
        if self.received.len() != len {
            // Freed before the new one is allocated, so that the heap can shrink.
            self.received = Vec::new();
            self.received = vec![0; len];
        }
    }

    /// Whether packets were lost since the last call because the receive buffer
    /// was full.
    pub(crate) fn has_lost_packets(&self) -> bool {
        getsockopt(&self.socket, Statistics).is_ok_and(|statistics| statistics.tp_drops > 0)
    }

    /// Whether the interface that it was bound to is gone: the kernel puts -1 in
    /// the place of its index then (`packet_notifier`).
    pub(crate) fn has_lost_interface(&self) -> bool {
        let bound = getsockname::<SockaddrStorage>(self.socket.as_raw_fd());
        let index = bound.ok().and_then(|bound| Some(bound.as_link_addr()?.ifindex()));
        index.is_some_and(|index| i32::try_from(index).is_err())
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A packet socket that is not bound yet.
pub(crate) fn unbound() -> io::Result<Socket> {
    Socket::new(
        Domain::PACKET,
        Type::RAW.nonblocking().cloexec(),
        Some(Protocol::from(0)),
    )
}

/// A `sockaddr_ll` to bind to; `ifindex` 0 means all interfaces.
pub(crate) fn address(ifindex: u32, protocol: u16) -> SockAddr {
    let address = libc::sockaddr_ll {
        sll_family: 17, // AF_PACKET
        sll_protocol: protocol.to_be(),
        sll_ifindex: i32::from_ne_bytes(ifindex.to_ne_bytes()),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the closure gets zeroed storage for a sockaddr_storage, which
    // is larger than a sockaddr_ll and aligned for every address type. It
    // writes one whole sockaddr_ll there and sets the length to its size, as
    // try_init demands.
    #[expect(unsafe_code, reason = "no safe constructor for sockaddr_ll exists")]
    let result = unsafe {
        SockAddr::try_init(|storage, len| {
            storage.cast::<libc::sockaddr_ll>().write(address);
            *len = 20; // the size of a sockaddr_ll
            Ok(())
        })
    };
    let ((), address) = result.expect("the closure returns Ok");
    address
}

fn header_len(hardware: Hardware) -> usize {
    match hardware {
        Hardware::Ethernet(_) => ETHERNET_HEADER_LEN,
        Hardware::Bare | Hardware::Other(_) => 0,
    }
}

fn ethernet_header(source: [u8; 6]) -> [u8; ETHERNET_HEADER_LEN] {
    let mut header = [0; ETHERNET_HEADER_LEN];
    let fields = ALL_NODES_MAC
        .into_iter()
        .chain(source)
        .chain(ETHERTYPE_IPV6.to_be_bytes());
    for (byte, value) in header.iter_mut().zip(fields) {
        *byte = value;
    }
    header
}

/// Accepts Router Solicitations and other routers' advertisements that are
/// addressed to this host. Forwarded packets do not have the Hop Limit 255, which
/// rejects bulk traffic early. After one extension header the program reads the
/// message's type; after several, the parser does. A fragment header is rejected
/// (RFC 6980). A tagged frame belongs to a VLAN, not to this link.
#[rustfmt::skip]
fn filter(header_len: usize) -> [SockFilter; 29] {
    const NEXT_HEADER: u32 = 6;
    const HOP_LIMIT_AT: u32 = 7;
    const MESSAGE: u32 = 40;
    const HOP_BY_HOP: u32 = 0;
    const ROUTING: u32 = 43;
    const DESTINATION_OPTIONS: u32 = 60;
    const VLAN_ID: u32 = 0x0fff;
    const SKF_AD_VLAN_TAG: libc::c_int = 44;

    let packet = if header_len == 0 { 0 } else { 14 };
    let load_byte = |at| bpf::load_byte(packet + at);
    [
        /*  0 */ bpf::load_extension(libc::SKF_AD_PROTOCOL),
        /*  1 */ bpf::if_equal(ETHERTYPE_IPV6.into(), 0, 25),          // → 2, 27
        /*  2 */ load_byte(HOP_LIMIT_AT),
        /*  3 */ bpf::if_equal(HOP_LIMIT.into(), 0, 23),               // → 4, 27
        /*  4 */ load_byte(NEXT_HEADER),
        /*  5 */ bpf::if_equal(NEXT_HEADER_ICMPV6.into(), 3, 0),       // → 9
        /*  6 */ bpf::if_equal(HOP_BY_HOP, 4, 0),                      // → 11
        /*  7 */ bpf::if_equal(ROUTING, 3, 0),                         // → 11
        /*  8 */ bpf::if_equal(DESTINATION_OPTIONS, 2, 18),            // → 11, 27
        /*  9 */ bpf::load_x_value(0),
        /* 10 */ bpf::skip(8),                                         // → 19
        /* 11 */ load_byte(MESSAGE),                                   // the header's own Next Header
        /* 12 */ bpf::if_equal(ROUTING, 9, 0),                         // → 22
        /* 13 */ bpf::if_equal(DESTINATION_OPTIONS, 8, 0),             // → 22
        /* 14 */ bpf::if_equal(NEXT_HEADER_ICMPV6.into(), 0, 12),      // → 15, 27
        /* 15 */ load_byte(MESSAGE + 1),                               // its length beyond 8 bytes, in units of 8
        /* 16 */ bpf::add(1),
        /* 17 */ bpf::shift_left(3),
        /* 18 */ bpf::copy_to_x(),
        /* 19 */ bpf::load_byte_indexed(packet + MESSAGE),
        /* 20 */ bpf::if_equal(ROUTER_SOLICITATION.into(), 1, 0),      // → 22
        /* 21 */ bpf::if_equal(ROUTER_ADVERTISEMENT.into(), 0, 5),     // → 22, 27
        /* 22 */ bpf::load_extension(libc::SKF_AD_PKTTYPE),
        /* 23 */ bpf::if_equal(libc::PACKET_OTHERHOST.into(), 3, 0),   // → 27
        /* 24 */ bpf::load_extension(SKF_AD_VLAN_TAG),
        /* 25 */ bpf::and(VLAN_ID),                                    // priority tags have VLAN 0
        /* 26 */ bpf::if_equal(0, 1, 0),                               // → 28, 27
        /* 27 */ bpf::refuse(),
        /* 28 */ bpf::accept(),
    ]
}
