//! What a guest sends: `wire::Message::parse` accepts exactly what the rules
//! of RFC 4861, 6.1.1 and 6.1.2 allow, as written down here a second time.
//!
//! The first byte of an input says which of the fields that depend on the rest
//! are to be made right first: a checksum is not found by mutation.

#![no_main]

use std::net::Ipv6Addr;

use autora_core::wire::Message;
use libfuzzer_sys::fuzz_target;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{Icmpv6Message, Icmpv6Packet, Icmpv6Repr, Ipv6Packet, NdiscRepr};

const FIX_CHECKSUM: u8 = 1;
const FIX_LENGTH: u8 = 2;
const FIX_HEADER: u8 = 4;

fuzz_target!(|input: &[u8]| {
    let Some((&mode, packet)) = input.split_first() else {
        return;
    };
    let mut packet = packet.to_vec();
    repair(mode, &mut packet);
    let found = Message::parse(&packet).ok();
    assert_eq!(found, reference(&packet), "{packet:02x?}");
    compare_with_smoltcp(&packet, found);
});

fn repair(mode: u8, packet: &mut [u8]) {
    if packet.len() < 40 {
        return;
    }
    if mode & FIX_HEADER != 0 {
        packet[0] = 0x60 | packet[0] & 0x0f;
        if ![0, 43, 60].contains(&packet[6]) {
            packet[6] = 58;
        }
        packet[7] = 255;
    }
    if mode & FIX_LENGTH != 0 {
        let length = u16::try_from(packet.len() - 40).unwrap_or(u16::MAX);
        packet[4..6].copy_from_slice(&length.to_be_bytes());
    }
    let end = 40 + usize::from(u16::from_be_bytes([packet[4], packet[5]]));
    let Some(start) = packet.get(..end).and_then(message_start) else {
        return;
    };
    if mode & FIX_CHECKSUM != 0 && end >= start + 4 {
        packet[start + 2..start + 4].fill(0);
        let sum = !ones_complement_sum(&with_pseudo_header(packet, start, end));
        packet[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Where the message begins in a packet that is cut at its end, if nothing
/// but headers to be passed over stands before it (RFC 8200, 4).
fn message_start(packet: &[u8]) -> Option<usize> {
    let mut kind = packet[6];
    let mut at = 40;
    while kind != 58 {
        let header = packet.get(at..)?;
        let length = 8 + 8 * usize::from(*header.get(1)?);
        let header = header.get(..length)?;
        let passed = match kind {
            0 if at == 40 => skippable(&header[2..]),
            60 => skippable(&header[2..]),
            43 => header[3] == 0,
            _ => false,
        };
        if !passed {
            return None;
        }
        kind = header[0];
        at += length;
    }
    Some(at)
}

fn skippable(options: &[u8]) -> bool {
    match *options {
        [] => true,
        [0, ref rest @ ..] => skippable(rest),
        [kind, length, ref rest @ ..] if kind < 0x40 && usize::from(length) <= rest.len() => {
            skippable(&rest[usize::from(length)..])
        }
        _ => false,
    }
}

/// Offsets into the whole packet, one rule after another.
fn reference(packet: &[u8]) -> Option<Message> {
    let ip_header = packet.get(..40)?;
    let end = 40 + usize::from(ip_header[4]) * 256 + usize::from(ip_header[5]);
    let source = &ip_header[8..24];
    let unspecified = source.iter().all(|&byte| byte == 0);
    let loopback = source[..15].iter().all(|&byte| byte == 0) && source[15] == 1;
    let link_local = source[0] == 0xfe && source[1] & 0xc0 == 0x80;
    let header_is_right = ip_header[0] & 0xf0 == 0x60
        && ip_header[7] == 255
        && source[0] != 0xff
        && !loopback
        && end <= packet.len();
    if !header_is_right {
        return None;
    }
    let start = message_start(&packet[..end])?;
    let first_option = match packet[start..end] {
        [133, 0, ..] => start + 8,
        [134, 0, ..] => start + 16,
        _ => return None,
    };
    if end < first_option || ones_complement_sum(&with_pseudo_header(packet, start, end)) != 0xffff {
        return None;
    }
    let options = options(&packet[first_option..end])?;
    match packet[start] {
        133 if unspecified && options.contains(&1) => None,
        133 => Some(Message::Solicitation),
        _ if !link_local => None,
        _ => Some(Message::Advertisement {
            source: Ipv6Addr::from(<[u8; 16]>::try_from(source).unwrap()),
        }),
    }
}

/// The types of the options, if they fill the bytes exactly.
fn options(bytes: &[u8]) -> Option<Vec<u8>> {
    match *bytes {
        [] => Some(Vec::new()),
        [_] | [_, 0, ..] => None,
        [kind, units, ..] => {
            let mut rest = options(bytes.get(8 * usize::from(units)..)?)?;
            rest.push(kind);
            Some(rest)
        }
    }
}

/// The pseudo-header of RFC 8200, 8.1 and the message, as one piece.
fn with_pseudo_header(packet: &[u8], start: usize, end: usize) -> Vec<u8> {
    let length = u32::try_from(end - start).unwrap();
    [
        &packet[8..40],
        &length.to_be_bytes(),
        &[0, 0, 0, 58],
        &packet[start..end],
    ]
    .concat()
}

/// RFC 1071, with the carry added at once.
fn ones_complement_sum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for at in (0..bytes.len()).step_by(2) {
        let word = u16::from(bytes[at]) << 8 | u16::from(bytes.get(at + 1).copied().unwrap_or(0));
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    sum
}

/// smoltcp lacks some of the rules and has some of its own for the options
/// that it knows, so it is asked both ways about what it can tell: of packets
/// without extension headers. It trusts every checksum while it is fuzzed.
fn compare_with_smoltcp(packet: &[u8], found: Option<Message>) {
    if packet.get(6) != Some(&58) {
        return;
    }
    let ip = Ipv6Packet::new_checked(packet).ok();
    let icmp = ip
        .as_ref()
        .and_then(|ip| Icmpv6Packet::new_checked(ip.payload()).ok());
    let (Some(ip), Some(icmp)) = (ip, icmp) else {
        assert_eq!(found, None, "{packet:02x?}");
        return;
    };
    if found.is_some() {
        let solicits = icmp.msg_type() == Icmpv6Message::RouterSolicit;
        assert_eq!(found == Some(Message::Solicitation), solicits);
        return;
    }
    let (source, destination) = (ip.src_addr(), ip.dst_addr());
    let end = 40 + ip.payload().len();
    let rest_is_right = ip.version() == 6
        && u8::from(ip.next_header()) == 58
        && ip.hop_limit() == 255
        && icmp.msg_code() == 0
        && !source.is_multicast()
        && !source.is_loopback()
        && ones_complement_sum(&with_pseudo_header(packet, 40, end)) == 0xffff
        && options(ip.payload().get(8..).unwrap_or_default())
            .is_some_and(|kinds| !source.is_unspecified() || !kinds.contains(&1));
    let repr = Icmpv6Repr::parse(&source, &destination, &icmp, &ChecksumCapabilities::default());
    let solicits = matches!(repr, Ok(Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit { .. })));
    assert!(!(solicits && rest_is_right), "smoltcp takes it: {packet:02x?}");
}
