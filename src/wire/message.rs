//! What is heard on the link, from bytes: the validity rules of RFC 4861.

use std::fmt;
use std::net::Ipv6Addr;

use super::checksum::checksum;
use super::cursor::Cursor;
use super::{HOP_LIMIT, NEXT_HEADER_ICMPV6, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION};

/// Source Link-Layer Address (RFC 4861, 4.6.1).
const OPTION_SLLAO: u8 = 1;

/// A valid packet that concerns a router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// A Router Solicitation (RFC 4861, 6.1.1); nothing in it matters to an
    /// answer that goes to all nodes.
    Solicitation,
    /// A Router Advertisement of another router on the link (6.1.2).
    Advertisement {
        /// That router's link-local address.
        source: Ipv6Addr,
    },
}

/// Why a packet is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Rejection {
    /// Shorter than its headers say, or than its type needs.
    Truncated,
    /// Not IPv6 with `ICMPv6` right behind the header; a fragment, even an
    /// atomic one (RFC 6980, 5), is such a packet.
    NotIcmpv6,
    /// Forwarded: the hop limit is not 255.
    HopLimit,
    /// A source that no packet may have, or, for an advertisement, one that
    /// is not link-local.
    Source,
    /// The checksum is wrong.
    Checksum,
    /// Neither solicitation nor advertisement.
    Type,
    /// The code is not 0.
    Code,
    /// An option of length 0, one past the end, or bytes left over.
    Option,
    /// A Source Link-Layer Address option from the unspecified address.
    UnspecifiedWithSllao,
}

impl Rejection {
    /// Every reason, in the order of their values.
    pub const ALL: [Self; 9] = [
        Self::Truncated,
        Self::NotIcmpv6,
        Self::HopLimit,
        Self::Source,
        Self::Checksum,
        Self::Type,
        Self::Code,
        Self::Option,
        Self::UnspecifiedWithSllao,
    ];
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "truncated",
            Self::NotIcmpv6 => "not ICMPv6",
            Self::HopLimit => "hop limit not 255",
            Self::Source => "bad source",
            Self::Checksum => "bad checksum",
            Self::Type => "other type",
            Self::Code => "code not 0",
            Self::Option => "bad option",
            Self::UnspecifiedWithSllao => "link-layer address from ::",
        })
    }
}

impl Message {
    /// Reads an IPv6 packet. What a link layer padded behind it is ignored.
    ///
    /// # Errors
    /// The first rule that the packet breaks.
    pub fn parse(packet: &[u8]) -> Result<Self, Rejection> {
        let mut header = Cursor::new(packet);
        let [version, ..] = header.array::<4>().ok_or(Rejection::Truncated)?;
        let length = header.u16().ok_or(Rejection::Truncated)?;
        let [next_header, hop_limit] = header.array().ok_or(Rejection::Truncated)?;
        let source = Ipv6Addr::from(header.array::<16>().ok_or(Rejection::Truncated)?);
        let destination = Ipv6Addr::from(header.array::<16>().ok_or(Rejection::Truncated)?);
        let message = header.take(length.into()).ok_or(Rejection::Truncated)?;

        if version >> 4 != 6 || next_header != NEXT_HEADER_ICMPV6 {
            return Err(Rejection::NotIcmpv6);
        }
        if hop_limit != HOP_LIMIT {
            return Err(Rejection::HopLimit);
        }
        if source.is_multicast() || source.is_loopback() {
            return Err(Rejection::Source);
        }

        let mut body = Cursor::new(message);
        let [kind, code] = body.array().ok_or(Rejection::Truncated)?;
        let fixed = match kind {
            ROUTER_SOLICITATION => 6,
            ROUTER_ADVERTISEMENT => 14,
            _ => return Err(Rejection::Type),
        };
        body.take(fixed).ok_or(Rejection::Truncated)?;
        if checksum(source, destination, message) != 0 {
            return Err(Rejection::Checksum);
        }
        if code != 0 {
            return Err(Rejection::Code);
        }
        let has_sllao = read_options(body)?;
        match kind {
            ROUTER_SOLICITATION if source.is_unspecified() && has_sllao => {
                Err(Rejection::UnspecifiedWithSllao)
            }
            ROUTER_SOLICITATION => Ok(Self::Solicitation),
            _ if !source.is_unicast_link_local() => Err(Rejection::Source),
            _ => Ok(Self::Advertisement { source }),
        }
    }
}

/// Walks the options to the last byte and tells whether one of them is a
/// Source Link-Layer Address. Unknown options are skipped (RFC 4861, 6.1.1).
fn read_options(mut options: Cursor) -> Result<bool, Rejection> {
    let mut has_sllao = false;
    while !options.is_empty() {
        let mut option = options;
        let kind = option.u8().ok_or(Rejection::Option)?;
        let length = option.u8().ok_or(Rejection::Option)?;
        if length == 0 {
            return Err(Rejection::Option);
        }
        options.take(usize::from(length) * 8).ok_or(Rejection::Option)?;
        has_sllao |= kind == OPTION_SLLAO;
    }
    Ok(has_sllao)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLLAO: [u8; 8] = [1, 1, 0x52, 0x54, 0, 1, 2, 3];

    /// A solicitation with a good checksum; `edit` sees the message before
    /// the checksum is made.
    fn packet(source: &str, message: &[u8]) -> Vec<u8> {
        let source: Ipv6Addr = source.parse().unwrap();
        let destination: Ipv6Addr = "ff02::2".parse().unwrap();
        let mut message = message.to_vec();
        if message.len() >= 4 {
            message[2..4].fill(0);
            let sum = checksum(source, destination, &message);
            message[2..4].copy_from_slice(&sum.to_be_bytes());
        }
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
        packet.extend([58, 255]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
        packet.extend(message);
        packet
    }

    fn solicitation(source: &str, options: &[u8]) -> Vec<u8> {
        packet(source, &[&[133, 0, 0, 0, 0, 0, 0, 0], options].concat())
    }

    #[test]
    fn valid_solicitations_are_accepted() {
        let unknown = [253, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for good in [
            solicitation("fe80::1", &[]),
            solicitation("fe80::1", &SLLAO),
            solicitation("::", &[]),
            solicitation("::", &unknown),
            solicitation("2001:db8::1", &[SLLAO, SLLAO].concat()),
            // Reserved bits are ignored.
            packet("fe80::1", &[133, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(Message::parse(&good), Ok(Message::Solicitation), "{good:02x?}");
        }
    }

    #[test]
    fn padding_of_the_link_layer_is_not_part_of_the_message() {
        let mut padded = solicitation("fe80::1", &[]);
        padded.extend([0xaa; 12]);
        assert_eq!(Message::parse(&padded), Ok(Message::Solicitation));
    }

    #[test]
    fn each_rule_is_kept() {
        let change = |at: usize, to: u8| {
            let mut bytes = solicitation("fe80::1", &SLLAO);
            bytes[at] = to;
            bytes
        };
        let cases = [
            (change(0, 0x40), Rejection::NotIcmpv6),
            (change(6, 44), Rejection::NotIcmpv6),
            (change(6, 0), Rejection::NotIcmpv6),
            (change(7, 254), Rejection::HopLimit),
            (change(8, 0xff), Rejection::Source),
            (change(43, 0x77), Rejection::Checksum),
            (packet("fe80::1", &[133, 1, 0, 0, 0, 0, 0, 0]), Rejection::Code),
            (packet("fe80::1", &[135, 0, 0, 0, 0, 0, 0, 0]), Rejection::Type),
            (packet("fe80::1", &[133, 0, 0, 0, 0, 0, 0]), Rejection::Truncated),
            (packet("fe80::1", &[133]), Rejection::Truncated),
            (packet("fe80::1", &[]), Rejection::Truncated),
            (
                solicitation("fe80::1", &[1, 0, 0, 0, 0, 0, 0, 0]),
                Rejection::Option,
            ),
            (
                solicitation("fe80::1", &[1, 2, 0, 0, 0, 0, 0, 0]),
                Rejection::Option,
            ),
            (
                solicitation("fe80::1", &[&SLLAO[..], &[0]].concat()),
                Rejection::Option,
            ),
            (solicitation("fe80::1", &[1]), Rejection::Option),
            (solicitation("::", &SLLAO), Rejection::UnspecifiedWithSllao),
            (solicitation("ff02::1", &[]), Rejection::Source),
            (solicitation("::1", &[]), Rejection::Source),
        ];
        for (i, (bytes, reason)) in cases.into_iter().enumerate() {
            assert_eq!(Message::parse(&bytes), Err(reason), "case {i}: {bytes:02x?}");
        }
    }

    #[test]
    fn every_truncation_is_rejected() {
        let whole = solicitation("fe80::1", &SLLAO);
        for len in 0..whole.len() {
            assert_eq!(Message::parse(&whole[..len]), Err(Rejection::Truncated), "{len}");
        }
        // Cut with a payload length that agrees, only whole options remain valid.
        for len in 0..=16 {
            let cut = packet("fe80::1", &whole[40..40 + len]);
            assert_eq!(Message::parse(&cut).is_ok(), matches!(len, 8 | 16), "{len}");
        }
    }

    #[test]
    fn the_advertisements_of_other_routers_are_told_apart() {
        let body = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        let source = "fe80::2".parse().unwrap();
        assert_eq!(
            Message::parse(&packet("fe80::2", &body)),
            Ok(Message::Advertisement { source })
        );
        assert_eq!(
            Message::parse(&packet("2001:db8::2", &body)),
            Err(Rejection::Source)
        );
        assert_eq!(
            Message::parse(&packet("fe80::2", &body[..15])),
            Err(Rejection::Truncated)
        );
    }

    #[test]
    fn an_independent_decoder_agrees_on_every_single_byte_change() {
        use smoltcp::phy::ChecksumCapabilities;
        use smoltcp::wire::{Icmpv6Packet, Icmpv6Repr, Ipv6Packet, NdiscRepr};

        let base = solicitation("fe80::1", &SLLAO);
        for at in 0..base.len() {
            for bit in 0..8 {
                let mut bytes = base.clone();
                bytes[at] ^= 1 << bit;
                let accepted = Message::parse(&bytes).is_ok();
                let decoded = Ipv6Packet::new_checked(&bytes[..]).ok().is_some_and(|ip| {
                    let rules =
                        ip.version() == 6 && u8::from(ip.next_header()) == 58 && ip.hop_limit() == 255;
                    rules
                        && Icmpv6Packet::new_checked(ip.payload()).is_ok_and(|icmp| {
                            let repr = Icmpv6Repr::parse(
                                &ip.src_addr(),
                                &ip.dst_addr(),
                                &icmp,
                                &ChecksumCapabilities::default(),
                            );
                            matches!(repr, Ok(Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { .. })))
                        })
                });
                assert_eq!(
                    accepted,
                    decoded,
                    "byte {at} bit {bit}: {:?}",
                    Message::parse(&bytes)
                );
            }
        }
    }
}
