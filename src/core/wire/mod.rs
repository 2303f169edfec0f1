//! Parsing of received packets and encoding of sent ones.

mod advertisement;
mod checksum;
mod cursor;
mod message;

use core::net::Ipv6Addr;

pub use advertisement::{PrefixInformation, RA_PACKET_LEN, RouterAdvertisement};
pub use message::{Message, Rejection};

/// The fixed IPv6 header's length in bytes (RFC 8200, 3).
pub const IPV6_HEADER_LEN: usize = 40;
/// The Next Header value of `ICMPv6` (RFC 4443, 1).
pub const NEXT_HEADER_ICMPV6: u8 = 58;
/// The hop limit of Neighbor Discovery packets, which proves that they were not
/// forwarded (RFC 4861, 6.1).
pub const HOP_LIMIT: u8 = 255;
/// `ICMPv6` type of a Router Solicitation (RFC 4861, 4.1).
pub const ROUTER_SOLICITATION: u8 = 133;
/// `ICMPv6` type of a Router Advertisement (RFC 4861, 4.2).
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// The all-nodes multicast address with link-local scope, `ff02::1`.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// The Ethernet address of [`ALL_NODES`] (RFC 2464, 7).
pub const ALL_NODES_MAC: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
