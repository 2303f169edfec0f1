//! The rules of RFC 4861, 6.1.1 and 6.1.2, one by one.

use super::*;

const SLLAO: [u8; 8] = [1, 1, 0x52, 0x54, 0, 1, 2, 3];

/// `message` in an IPv6 packet to all routers, with a correct checksum.
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

/// `packet` with `headers` between its header and the message; the first is of the kind `first`.
fn behind(first: u8, headers: &[u8], packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    let length = u16::try_from(packet.len() - 40 + headers.len()).unwrap();
    packet[4..6].copy_from_slice(&length.to_be_bytes());
    packet[6] = first;
    packet.splice(40..40, headers.iter().copied());
    packet
}

/// An options header with these 6 bytes of options.
fn options_header(next: u8, options: [u8; 6]) -> Vec<u8> {
    [&[next, 0], &options[..]].concat()
}

const PADN: [u8; 6] = [1, 4, 0, 0, 0, 0];

#[test]
fn solicitations_behind_extension_headers_are_accepted() {
    let router_alert = [5, 2, 0, 0, 0, 0];
    let pad1 = [0; 6];
    let long = |next| [&[next, 3, 1, 28][..], &[0xaa; 28]].concat();
    let routing = |next| {
        vec![
            next, 2, 99, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
        ]
    };
    let chain = |headers: &[Vec<u8>]| headers.concat();
    for (first, headers) in [
        (0, options_header(58, PADN)),
        (0, options_header(58, router_alert)),
        (60, options_header(58, pad1)),
        (60, long(58)),
        // No segments left: passed over, whatever its type.
        (43, routing(58)),
        (
            0,
            chain(&[
                options_header(60, PADN),
                options_header(43, PADN),
                routing(60),
                long(58),
            ]),
        ),
        (
            60,
            [options_header(60, PADN).repeat(100), options_header(58, PADN)].concat(),
        ),
    ] {
        let found = behind(first, &headers, &solicitation("fe80::1", &SLLAO));
        assert_eq!(
            Message::parse(&found),
            Ok(Message::Solicitation),
            "{headers:02x?}"
        );
        // Every truncation, and every length that lies, is noticed.
        for len in 0..found.len() {
            assert!(Message::parse(&found[..len]).is_err(), "{len}");
            let mut shorter = found[..len].to_vec();
            if len >= 40 {
                let length = u16::try_from(len - 40).unwrap();
                shorter[4..6].copy_from_slice(&length.to_be_bytes());
                assert!(Message::parse(&shorter).is_err(), "{len}");
            }
        }
    }
}

/// RFC 6980, 5: no fragment, wherever its header stands; RFC 8200, 4.2 to 4.4:
/// what a receiver discards.
#[test]
fn other_extension_headers_are_not_passed_over() {
    let atomic = |next| [next, 0, 0, 0, 0, 0, 0, 1];
    let fragment = |next| [next, 0, 0, 9, 0, 0, 0, 1];
    let option = |kind| options_header(58, [kind, 4, 0, 0, 0, 0]);
    for (first, headers) in [
        (44, atomic(58).to_vec()),
        (44, fragment(58).to_vec()),
        (0, [options_header(44, PADN), atomic(58).to_vec()].concat()),
        (60, [options_header(44, PADN), fragment(58).to_vec()].concat()),
        (44, [atomic(60).to_vec(), options_header(58, PADN)].concat()),
        // A hop-by-hop header that is not the first.
        (60, [options_header(0, PADN), options_header(58, PADN)].concat()),
        (0, [options_header(0, PADN), options_header(58, PADN)].concat()),
        // Options that are not to be skipped: discard; discard and tell, twice.
        (0, option(0x40)),
        (60, option(0x80)),
        (60, option(0xc9)),
        // One that runs out of its header.
        (0, options_header(58, [1, 5, 0, 0, 0, 0])),
        (0, options_header(58, [1, 3, 0, 0, 0, 1])),
        // Segments left; authentication; no next header; another protocol.
        (43, vec![58, 0, 0, 1, 0, 0, 0, 0]),
        (51, options_header(58, PADN)),
        (59, vec![]),
        (60, options_header(59, PADN)),
        (0, options_header(17, PADN)),
    ] {
        let found = behind(first, &headers, &solicitation("fe80::1", &SLLAO));
        assert_eq!(
            Message::parse(&found),
            Err(Rejection::NotIcmpv6),
            "{first} {headers:02x?}"
        );
    }
}

#[test]
fn padding_of_the_link_layer_is_not_part_of_the_message() {
    let mut padded = solicitation("fe80::1", &[]);
    padded.extend([0xaa; 12]);
    assert_eq!(Message::parse(&padded), Ok(Message::Solicitation));
}

#[test]
fn each_violation_is_rejected() {
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
    // With a payload length to match, only a cut between options is valid.
    for len in 0..=16 {
        let cut = packet("fe80::1", &whole[40..40 + len]);
        assert_eq!(Message::parse(&cut).is_ok(), matches!(len, 8 | 16), "{len}");
    }
}

#[test]
fn advertisements_of_other_routers_are_recognized() {
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
                let rules = ip.version() == 6 && u8::from(ip.next_header()) == 58 && ip.hop_limit() == 255;
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

#[test]
fn each_rejection_has_a_name_and_words_of_its_own() {
    let keys = Rejection::ALL.map(Rejection::key);
    let words = Rejection::ALL.map(|rejection| rejection.to_string());
    assert_eq!((keys[4], &words[4][..]), ("checksum", "bad checksum"));
    for (index, key) in keys.iter().enumerate() {
        assert_eq!(keys.iter().position(|other| other == key), Some(index));
        assert_eq!(words.iter().position(|other| *other == words[index]), Some(index));
    }
}
