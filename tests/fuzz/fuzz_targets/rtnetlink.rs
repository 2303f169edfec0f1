//! What the kernel sends: the readers of `rtnetlink::message` find in any bytes
//! exactly what the macros of rtnetlink(3) find (`NLMSG_OK`, `RTA_OK`, …),
//! as written down here a second time, with offsets.
//!
//! An input is an interface index and a datagram.

#![no_main]

use std::net::Ipv6Addr;
use std::time::Duration;

use autora_core::interface_name::IfName;
use autora_core::lifetime::Lifetime;
use autora_core::link::{Address, Hardware, Ipv6Settings};
use autora_core::neighbour::{Neighbour, NeighbourState, NeighbourTable};
use autora::kernel::rtnetlink::message::{
    LinkRecord, link_route, messages, parse_address, parse_neighbour, parse_neighbour_table,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((index, datagram)) = input.split_first_chunk() else {
        return;
    };
    let index = u32::from_ne_bytes(*index);
    let found: Vec<_> = messages(datagram)
        .map(|m| (m.kind, m.flags, m.sequence, m.body))
        .collect();
    assert_eq!(found, reference_messages(datagram));
    // A header that lies must not keep the fuzzer from the bodies.
    let whole = datagram.get(16..).unwrap_or_default();
    for body in found.iter().map(|m| m.3).chain([whole]) {
        assert_eq!(LinkRecord::parse(body), reference_link(body));
        assert_eq!(parse_address(body), reference_address(body));
        assert_eq!(parse_neighbour(body), reference_neighbour(body));
        assert_eq!(parse_neighbour_table(body), reference_neighbour_table(body));
        compare_route(body, index);
    }
});

fn reference_messages(datagram: &[u8]) -> Vec<(u16, u16, u32, &[u8])> {
    let mut found = Vec::new();
    let mut at = 0;
    while datagram.len().saturating_sub(at) >= 16 {
        let length = word(datagram, at) as usize;
        if length < 16 || length > datagram.len() - at {
            break;
        }
        found.push((
            half(datagram, at + 4),
            half(datagram, at + 6),
            word(datagram, at + 8),
            &datagram[at + 16..at + length],
        ));
        at += (length + 3) & !3;
    }
    found
}

/// Types, without their flag bits, and values.
fn attributes(bytes: &[u8], header: usize) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    let mut at = header;
    while bytes.len().saturating_sub(at) >= 4 {
        let length = usize::from(half(bytes, at));
        if length < 4 || length > bytes.len() - at {
            break;
        }
        found.push((half(bytes, at + 2) & 0x3fff, &bytes[at + 4..at + length]));
        at += (length + 3) & !3;
    }
    found
}

/// Of an attribute that is there several times the last one counts.
fn last<'a>(attributes: &[(u16, &'a [u8])], wanted: u16) -> Option<&'a [u8]> {
    attributes.iter().rfind(|a| a.0 == wanted).map(|a| a.1)
}

/// Whether one of an attribute's occurrences is shorter than it has to be.
fn short(attributes: &[(u16, &[u8])], wanted: u16, length: usize) -> bool {
    attributes.iter().any(|a| a.0 == wanted && a.1.len() < length)
}

fn reference_link(body: &[u8]) -> Option<LinkRecord> {
    if body.len() < 16 {
        return None;
    }
    let all = attributes(body, 16);
    if short(&all, 47, 4) {
        return None;
    }
    let name = last(&all, 3)?;
    let name_end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    let mac = last(&all, 1).filter(|mac| mac.len() == 6);
    let kind = half(body, 2);
    Some(LinkRecord {
        ifindex: word(body, 4),
        flags: word(body, 8),
        hardware: match (kind, mac) {
            (1, Some(mac)) => Hardware::Ethernet([mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]]),
            (0xfffe, _) => Hardware::Bare,
            _ => Hardware::Other(kind),
        },
        name: IfName::new(&name[..name_end]).ok()?,
        port_of: last(&all, 10)
            .filter(|value| value.len() >= 4 && !last(&all, 18).is_some_and(is_in_vrf))
            .map(|value| word(value, 0)),
        carrier_ups: last(&all, 47).map_or(0, |value| word(value, 0)),
        ipv6: last(&all, 26).and_then(reference_settings),
        forces_forwarding: last(&all, 26)
            .and_then(|families| first(first(families, 10)?, 2))
            .is_some_and(|conf| conf.len() >= 240 && signed(conf, 236) != 0),
        icmpv6_sent: last(&all, 26).and_then(reference_sent),
    })
}

fn first(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    let all = attributes(bytes, 0);
    all.iter().find(|a| a.0 == wanted).map(|a| a.1)
}

fn is_in_vrf(info: &[u8]) -> bool {
    first(info, 4).is_some_and(|kind| kind == b"vrf" || kind == b"vrf\0")
}

fn reference_sent(families: &[u8]) -> Option<u64> {
    let counters = first(first(families, 10)?, 6)?;
    let third: [u8; 8] = counters.get(24..32)?.try_into().unwrap();
    Some(u64::from_ne_bytes(third))
}

fn reference_settings(families: &[u8]) -> Option<Ipv6Settings> {
    let conf = first(first(families, 10)?, 2)?;
    (conf.len() >= 27 * 4).then(|| Ipv6Settings {
        forwarding: signed(conf, 0),
        accept_ra: signed(conf, 12),
        disable_ipv6: signed(conf, 104),
    })
}

fn reference_address(body: &[u8]) -> Option<(u32, Address)> {
    if body.len() < 8 || body[0] != 10 {
        return None;
    }
    let all = attributes(body, 8);
    let wrong = |wanted| all.iter().any(|a| a.0 == wanted && a.1.len() != 16);
    if wrong(1) || wrong(2) || short(&all, 8, 4) || short(&all, 6, 12) || short(&all, 11, 1) {
        return None;
    }
    let address = |value: &[u8]| Ipv6Addr::from(<[u8; 16]>::try_from(value).unwrap());
    let prefix_address = address(last(&all, 1)?);
    let times = last(&all, 6);
    let flags = last(&all, 8).map_or(u32::from(body[2]), |value| word(value, 0));
    let lifetime = |at| times.map_or(Lifetime::INFINITE, |value| Lifetime::from_bits(word(value, at)));
    let address = Address {
        local: last(&all, 2).map_or(prefix_address, address),
        prefix_address,
        prefix_len: body[1],
        flags,
        preferred: lifetime(0),
        valid: lifetime(4),
        created: times.map_or(0, |value| word(value, 8)),
        protocol: last(&all, 11).map_or(0, |value| value[0]),
        is_routed: flags & 0x200 == 0,
    };
    Some((word(body, 4), address))
}

fn reference_neighbour(body: &[u8]) -> Option<(u32, Neighbour)> {
    if body.len() < 12 || body[0] != 10 || body[10] & 8 != 0 {
        return None;
    }
    let all = attributes(body, 12);
    if all.iter().any(|a| a.0 == 1 && a.1.len() != 16) || short(&all, 3, 12) {
        return None;
    }
    let destination = last(&all, 1)?;
    let times = last(&all, 3)?;
    if destination[0] == 0xff || destination.iter().all(|&byte| byte == 0) {
        return None;
    }
    let ticks = u64::from(word(times, 0)).min(word(times, 8).into());
    let neighbour = Neighbour {
        address: Ipv6Addr::from(<[u8; 16]>::try_from(destination).unwrap()),
        mac: last(&all, 2).and_then(|mac| mac.try_into().ok()),
        state: match half(body, 8) {
            1 => NeighbourState::Incomplete,
            2 => NeighbourState::Reachable,
            4 => NeighbourState::Stale,
            8 => NeighbourState::Delay,
            16 => NeighbourState::Probe,
            32 => NeighbourState::Failed,
            128 => NeighbourState::Permanent,
            _ => return None,
        },
        age: Duration::from_millis(10 * ticks),
    };
    Some((word(body, 4), neighbour))
}

fn reference_neighbour_table(body: &[u8]) -> Option<NeighbourTable> {
    if body.len() < 4 || body[0] != 10 {
        return None;
    }
    let all = attributes(body, 4);
    if short(&all, 4, 4) || short(&all, 5, 8) || short(&all, 7, 88) {
        return None;
    }
    let refused = last(&all, 7).map(|stats| u64::from_ne_bytes(stats[80..88].try_into().unwrap()));
    Some(NeighbourTable {
        entries: word(last(&all, 5)?, 4),
        limit: word(last(&all, 4)?, 0),
        refused: refused.unwrap_or(0),
    })
}

/// A route that the rules know must be found, or autora would advertise on an
/// uplink. Of malformed next hops it may believe more than there is: it errs
/// to the silent side.
fn compare_route(body: &[u8], index: u32) {
    let found = link_route(body, index);
    if body.first() != Some(&10) {
        assert_eq!(found, None);
        return;
    }
    let all = attributes(body, 12);
    let destination = all.iter().filter(|a| a.0 == 1 && a.1.len() == 16).next_back();
    let is_multicast = destination.is_some_and(|a| a.1[0] == 0xff);
    let sends = body.get(7).is_none_or(|kind| !(2..=9).contains(kind)) && !is_multicast;
    if !sends {
        assert_eq!(found, None);
        return;
    }
    let named = |(kind, value): &(u16, &[u8])| match kind {
        4 if value.len() >= 4 => vec![word(value, 0)],
        9 => next_hops(value),
        _ => Vec::new(),
    };
    let named: Vec<u32> = all.iter().flat_map(named).collect();
    let has_hops = all.iter().any(|a| a.0 == 9);
    let expected = named.is_empty() || named.contains(&index);
    assert!(found.is_some() || !expected || has_hops && named.is_empty());
    assert!(has_hops || found.is_some() == expected);
    if let Some(route) = found {
        let len = body.get(1).copied().unwrap_or(0);
        assert_eq!(route.prefix_len, len);
        assert_eq!(route.makes_an_uplink(), len < 16 || body.get(5) == Some(&9));
    }
}

fn next_hops(bytes: &[u8]) -> Vec<u32> {
    let mut found = Vec::new();
    let mut at = 0;
    while bytes.len().saturating_sub(at) >= 8 {
        let length = usize::from(half(bytes, at));
        if length < 8 || length > bytes.len() - at {
            break;
        }
        found.push(word(bytes, at + 4));
        at += (length + 3) & !3;
    }
    found
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn signed(bytes: &[u8], at: usize) -> i32 {
    i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}
