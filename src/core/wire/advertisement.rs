//! Encodes Router Advertisements.

use core::fmt;
use core::net::Ipv6Addr;

use super::checksum::checksum;
use super::{ALL_NODES, HOP_LIMIT, IPV6_HEADER_LEN, NEXT_HEADER_ICMPV6, ROUTER_ADVERTISEMENT};
use crate::lifetime::Lifetime;
use crate::prefix::Prefix64;

/// The fixed part of a Router Advertisement (RFC 4861, 4.2) and one Prefix
/// Information Option (4.6.2).
const ICMPV6_LEN: u8 = 16 + 32;

/// The whole IPv6 packet's length in bytes.
pub const RA_PACKET_LEN: usize = IPV6_HEADER_LEN + ICMPV6_LEN as usize;

/// Option type 3, and its length in units of eight bytes (RFC 4861, 4.6.2).
const PREFIX_INFORMATION: [u8; 2] = [3, 4];
/// L = 0: the prefix is not on-link, since guests are isolated from each other.
/// A = 1: addresses are formed by SLAAC.
const AUTONOMOUS: u8 = 0x40;

/// The prefix of an advertisement and its lifetimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PrefixInformation {
    /// The /64.
    pub prefix: Prefix64,
    /// How long addresses formed from it stay valid.
    pub valid: Lifetime,
    /// How long they stay preferred; at most `valid`.
    pub preferred: Lifetime,
}

/// A Router Advertisement to all nodes. Everything else in it is fixed: Cur Hop
/// Limit, Reachable Time and Retrans Timer unspecified, M and O clear, medium
/// preference, no other option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouterAdvertisement {
    /// The router's link-local address.
    pub source: Ipv6Addr,
    /// For how many seconds hosts may use it as a default router; 0: not, or no longer.
    pub router_lifetime: u16,
    /// The prefix.
    pub prefix: PrefixInformation,
}

impl RouterAdvertisement {
    /// Writes the IPv6 packet. Every byte of `packet` is overwritten.
    pub fn encode(&self, packet: &mut [u8; RA_PACKET_LEN]) {
        let mut icmp = [0; ICMPV6_LEN as usize];
        let body = Parts(&mut icmp)
            .put(&[ROUTER_ADVERTISEMENT, 0])
            .put(&[0, 0]) // checksum, below
            .put(&[0, 0]) // Cur Hop Limit: unspecified; M, O and preference bits clear
            .put(&self.router_lifetime.to_be_bytes())
            .put(&[0; 4]) // Reachable Time: unspecified
            .put(&[0; 4]) // Retrans Timer: unspecified
            .put(&PREFIX_INFORMATION)
            .put(&[64, AUTONOMOUS])
            .put(&self.prefix.valid.to_bits().to_be_bytes())
            .put(&self.prefix.preferred.to_bits().to_be_bytes())
            .put(&[0; 4]) // reserved
            .put(&self.prefix.prefix.network().octets());
        debug_assert!(body.0.is_empty(), "every byte of the message is written");
        let sum = checksum(self.source, ALL_NODES, &icmp).to_be_bytes();
        let (_, at_checksum) = icmp.split_at_mut(2);
        Parts(at_checksum).put(&sum);

        let whole = Parts(packet)
            .put(&[0x60, 0, 0, 0]) // version 6, traffic class and flow label 0
            .put(&[0, ICMPV6_LEN])
            .put(&[NEXT_HEADER_ICMPV6, HOP_LIMIT])
            .put(&self.source.octets())
            .put(&ALL_NODES.octets())
            .put(&icmp);
        debug_assert!(whole.0.is_empty(), "every byte of the packet is written");
    }

    /// The IPv6 packet.
    #[must_use]
    pub fn to_bytes(self) -> [u8; RA_PACKET_LEN] {
        let mut packet = [0; RA_PACKET_LEN];
        self.encode(&mut packet);
        packet
    }
}

/// The fields, then the packet in hexadecimal.
impl fmt::Display for RouterAdvertisement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} → ff02::1, router lifetime {}s, prefix {} (valid {}, preferred {}), IPv6 packet ",
            self.source, self.router_lifetime, self.prefix.prefix, self.prefix.valid, self.prefix.preferred
        )?;
        self.to_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The bytes that are still to be written.
struct Parts<'a>(&'a mut [u8]);

impl<'a> Parts<'a> {
    fn put(self, bytes: &[u8]) -> Parts<'a> {
        let (here, rest) = self.0.split_at_mut(bytes.len());
        here.copy_from_slice(bytes);
        Parts(rest)
    }
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        Icmpv6Packet, Icmpv6Repr, Ipv6Packet, NdiscPrefixInfoFlags, NdiscRepr, NdiscRouterFlags,
    };

    use super::*;

    #[test]
    fn it_is_shown_with_its_bytes() {
        let shown = format!("{}", advertisement());
        let fields = "fe80::5054:ff:fe12:3456 → ff02::1, router lifetime 180s, \
                      prefix 2001:db8:1:2::/64 (valid 86400s, preferred 14400s), IPv6 packet 60000000";
        assert!(shown.starts_with(fields), "{shown}");
        assert_eq!(
            shown.split_once("packet ").unwrap().1.len(),
            2 * advertisement().to_bytes().len()
        );
    }

    fn advertisement() -> RouterAdvertisement {
        RouterAdvertisement {
            source: "fe80::5054:ff:fe12:3456".parse().unwrap(),
            router_lifetime: 180,
            prefix: PrefixInformation {
                prefix: Prefix64::of("2001:db8:1:2::1".parse().unwrap()),
                valid: Lifetime::from_bits(86_400),
                preferred: Lifetime::from_bits(14_400),
            },
        }
    }

    #[test]
    #[rustfmt::skip]
    fn every_byte_follows_the_format_of_the_rfc() {
        let mut packet = [0xee; RA_PACKET_LEN];
        advertisement().encode(&mut packet);
        assert_eq!(packet, [
            0x60, 0, 0, 0,   0, 48, 58, 255,
            0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0x00, 0xff, 0xfe, 0x12, 0x34, 0x56,
            0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01,
            134, 0, packet[42], packet[43],
            0, 0, 0, 180,
            0, 0, 0, 0,
            0, 0, 0, 0,
            3, 4, 64, 0x40,
            0, 1, 0x51, 0x80,
            0, 0, 0x38, 0x40,
            0, 0, 0, 0,
            0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
    }

    #[test]
    fn an_independent_decoder_reads_the_same() {
        let bytes = advertisement().to_bytes();
        let ip = Ipv6Packet::new_checked(&bytes[..]).unwrap();
        assert_eq!(ip.hop_limit(), 255);
        assert_eq!(ip.payload().len(), 48);
        let icmp = Icmpv6Packet::new_checked(ip.payload()).unwrap();
        // Parsing checks the checksum against the pseudo-header.
        let parsed = Icmpv6Repr::parse(
            &ip.src_addr(),
            &ip.dst_addr(),
            &icmp,
            &ChecksumCapabilities::default(),
        )
        .unwrap();
        let Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            hop_limit,
            flags,
            router_lifetime,
            reachable_time,
            retrans_time,
            lladdr,
            mtu,
            prefix_info: Some(prefix),
        }) = parsed
        else {
            panic!("not a router advertisement with a prefix: {parsed:?}");
        };
        assert_eq!((hop_limit, flags), (0, NdiscRouterFlags::empty()));
        assert_eq!(router_lifetime.secs(), 180);
        assert_eq!((reachable_time.millis(), retrans_time.millis()), (0, 0));
        assert_eq!((lladdr, mtu), (None, None));
        assert_eq!(prefix.prefix_len, 64);
        assert_eq!(prefix.flags, NdiscPrefixInfoFlags::ADDRCONF);
        assert_eq!(prefix.valid_lifetime.secs(), 86_400);
        assert_eq!(prefix.preferred_lifetime.secs(), 14_400);
        assert_eq!(prefix.prefix, "2001:db8:1:2::".parse::<Ipv6Addr>().unwrap());
    }
}
