//! The parser against messages of an independent encoder.

use std::net::Ipv6Addr;
use std::time::Duration;

use autora_core::lifetime::Lifetime;
use autora_core::link::Hardware;
use autora_core::neighbour::{Neighbour, NeighbourState, NeighbourTable};
use netlink_packet_core::{DefaultNla, Emitable};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeader, AddressMessage, CacheInfo as AddressCacheInfo,
};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, Icmp6Stats, Inet6DevConf, LinkAttribute, LinkFlags, LinkHeader, LinkLayerType,
    LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourHeader, NeighbourMessage,
    NeighbourState as EncodedState,
};
use netlink_packet_route::neighbour_table::{
    NeighbourTableAttribute, NeighbourTableHeader, NeighbourTableMessage,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteNextHop, RouteProtocol, RouteType,
};

use super::message::{
    LinkRecord, link_route, messages, parse_address, parse_neighbour, parse_neighbour_table,
};

fn bytes(message: &impl Emitable) -> Vec<u8> {
    let mut bytes = vec![0xee; message.buffer_len()];
    message.emit(&mut bytes);
    bytes
}

fn link() -> LinkMessage {
    let mut conf = Inet6DevConf::default();
    conf.forwarding = 1;
    conf.accept_ra = 2;
    conf.disable_ipv6 = 3;
    let mut sent = Icmp6Stats::default();
    sent.out_msgs = 17;
    let mut message = LinkMessage::default();
    message.header = LinkHeader {
        index: 0x0102_0304,
        link_layer_type: LinkLayerType::Ether,
        flags: LinkFlags::Up | LinkFlags::Running,
        ..LinkHeader::default()
    };
    message.attributes = vec![
        LinkAttribute::IfName("tap-vm-1".to_owned()),
        LinkAttribute::Mtu(1500),
        LinkAttribute::Address(vec![2, 0, 0, 0, 0, 9]),
        LinkAttribute::CarrierUpCount(7),
        LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![
            AfSpecInet6::DevConf(conf),
            AfSpecInet6::Icmp6Stats(sent),
        ])]),
    ];
    message
}

fn address() -> AddressMessage {
    let mut cache = AddressCacheInfo::default();
    cache.ifa_preferred = 100;
    cache.ifa_valid = 200;
    cache.cstamp = 300;
    let mut message = AddressMessage::default();
    message.header = AddressHeader {
        family: AddressFamily::Inet6,
        prefix_len: 64,
        index: 5,
        ..AddressHeader::default()
    };
    message.attributes = vec![
        AddressAttribute::Address("2001:db8::2".parse().unwrap()),
        AddressAttribute::Local("2001:db8::1".parse().unwrap()),
        AddressAttribute::CacheInfo(cache),
        AddressAttribute::Flags(AddressFlags::Permanent | AddressFlags::Noprefixroute),
        AddressAttribute::Other(DefaultNla::new(11, vec![2])),
    ];
    message
}

#[test]
fn a_link_record_is_read() {
    let record = LinkRecord::parse(&bytes(&link())).unwrap();
    assert_eq!(record.ifindex, 0x0102_0304);
    assert_eq!(record.name.to_string(), "tap-vm-1");
    assert_eq!(record.hardware, Hardware::Ethernet([2, 0, 0, 0, 0, 9]));
    assert_eq!(record.carrier_ups, 7);
    assert_eq!(record.flags, 1 | 64);
    assert_eq!(record.icmpv6_sent, Some(17));
    let ipv6 = record.ipv6.unwrap();
    assert_eq!((ipv6.forwarding, ipv6.accept_ra, ipv6.disable_ipv6), (1, 2, 3));
}

#[test]
fn an_address_is_read() {
    let (ifindex, address) = parse_address(&bytes(&address())).unwrap();
    assert_eq!(ifindex, 5);
    assert_eq!(address.local, "2001:db8::1".parse::<Ipv6Addr>().unwrap());
    assert_eq!(address.prefix_address, "2001:db8::2".parse::<Ipv6Addr>().unwrap());
    assert_eq!(address.prefix_len, 64);
    // Only an attribute has the flags beyond the first eight bits.
    assert_eq!(address.flags, 0x280);
    assert_eq!(address.preferred, Lifetime::from_bits(100));
    assert_eq!(address.valid, Lifetime::from_bits(200));
    assert_eq!(address.created, 300);
    assert_eq!(address.protocol, 2);
}

#[test]
fn routes_of_an_uplink_are_told_apart() {
    const HERE: u32 = 7;
    let (inet6, unicast) = (AddressFamily::Inet6, RouteType::Unicast);
    let route = |len, kind, protocol, attributes| {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: inet6,
            destination_prefix_length: len,
            table: 254,
            kind,
            protocol,
            ..RouteHeader::default()
        };
        message.attributes = attributes;
        link_route(&bytes(&message), HERE)
    };
    let (by_hand, by_ra) = (RouteProtocol::Boot, RouteProtocol::Ra);
    let out = |index| vec![RouteAttribute::Priority(1), RouteAttribute::Oif(index)];
    let default = route(0, unicast, by_hand, out(HERE)).unwrap();
    assert_eq!(default.to_string(), "default table main");
    // What is short serves as one; what is from an RA comes from a router.
    for (len, protocol, expected) in [
        (1, by_hand, true),
        (3, by_hand, true),
        (15, by_hand, true),
        (16, by_hand, false),
        (64, by_hand, false),
        (64, by_ra, true),
    ] {
        assert_eq!(
            route(len, unicast, protocol, out(HERE))
                .unwrap()
                .makes_an_uplink(),
            expected,
            "{len}"
        );
    }
    assert_eq!(route(0, unicast, by_hand, out(8)), None);
    for sends_nothing in [RouteType::Unreachable, RouteType::Local, RouteType::BlackHole] {
        assert_eq!(route(0, sends_nothing, by_hand, out(HERE)), None);
    }
    // What is not known is taken for one: no interface, or another type.
    assert!(route(0, unicast, by_hand, vec![]).is_some());
    assert!(route(0, RouteType::Other(99), by_hand, out(HERE)).is_some());
    let destination = |text: &str| {
        let address = RouteAddress::Inet6(text.parse().unwrap());
        let mut attributes = out(HERE);
        attributes.extend([RouteAttribute::Destination(address), RouteAttribute::Table(1000)]);
        attributes
    };
    let world = route(3, unicast, by_hand, destination("2000::")).unwrap();
    assert_eq!(world.to_string(), "2000::/3 table 1000");
    assert_eq!(route(8, unicast, by_hand, destination("ff00::")), None);
    let several = |indices: [u32; 2]| {
        let hops = indices.map(|interface_index| {
            let mut hop = RouteNextHop::default();
            hop.interface_index = interface_index;
            hop.attributes = vec![RouteAttribute::Gateway(RouteAddress::Inet6(
                "fe80::9".parse().unwrap(),
            ))];
            hop
        });
        vec![RouteAttribute::MultiPath(hops.to_vec())]
    };
    assert!(route(0, unicast, by_hand, several([6, HERE])).is_some());
    assert_eq!(route(0, unicast, by_hand, several([6, 8])), None);
    let mut of_another_family = RouteMessage::default();
    of_another_family.header.address_family = AddressFamily::Inet;
    assert_eq!(link_route(&bytes(&of_another_family), HERE), None);
}

fn neighbour(state: EncodedState, flags: NeighbourFlags, address: &str) -> NeighbourMessage {
    // struct nda_cacheinfo: confirmed, used, updated, references; in hundredths of a second.
    let times: Vec<u8> = [6_000_u32, 7, 312, 1]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    let mut message = NeighbourMessage::default();
    message.header = NeighbourHeader {
        family: AddressFamily::Inet6,
        ifindex: 0x0102_0304,
        state,
        flags,
        ..NeighbourHeader::default()
    };
    message.attributes = vec![
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address.parse().unwrap())),
        NeighbourAttribute::LinkLocalAddress(vec![2, 0, 0, 0, 0, 9]),
        NeighbourAttribute::Probes(0),
        NeighbourAttribute::Other(DefaultNla::new(3, times)),
    ];
    message
}

#[test]
fn a_neighbour_is_read() {
    let router = NeighbourFlags::Router;
    let read = parse_neighbour(&bytes(&neighbour(EncodedState::Stale, router, "2001:db8::2")));
    let expected = Neighbour {
        address: "2001:db8::2".parse().unwrap(),
        mac: Some([2, 0, 0, 0, 0, 9]),
        state: NeighbourState::Stale,
        // Never confirmed: made 3.12 s ago.
        age: Duration::from_millis(3120),
    };
    assert_eq!(read, Some((0x0102_0304, expected)));
    let mut without_mac = neighbour(EncodedState::Failed, router, "2001:db8::2");
    without_mac.attributes.remove(1);
    let (_, read) = parse_neighbour(&bytes(&without_mac)).unwrap();
    assert_eq!((read.mac, read.state), (None, NeighbourState::Failed));
}

#[test]
fn what_is_no_neighbour_is_none() {
    let none = NeighbourFlags::empty();
    for (state, flags, address) in [
        (EncodedState::Noarp, none, "2001:db8::2"),
        (EncodedState::None, none, "2001:db8::2"),
        (EncodedState::Stale, NeighbourFlags::Proxy, "2001:db8::2"),
        (EncodedState::Stale, none, "ff02::1"),
        (EncodedState::Stale, none, "::"),
    ] {
        let message = neighbour(state, flags, address);
        assert_eq!(parse_neighbour(&bytes(&message)), None, "{message:?}");
    }
    let mut of_ipv4 = neighbour(EncodedState::Stale, none, "2001:db8::2");
    of_ipv4.header.family = AddressFamily::Inet;
    assert_eq!(parse_neighbour(&bytes(&of_ipv4)), None);
}

fn neighbour_table() -> NeighbourTableMessage {
    // struct ndt_config: two lengths in 16 bits, then entries, last_flush, …; struct ndt_stats.
    let config = [[16, 0, 88, 1], 1000_u32.to_ne_bytes()].concat();
    let config = [config, vec![0xee; 24]].concat();
    let stats: Vec<u8> = (1..=11_u64).flat_map(u64::to_ne_bytes).collect();
    let mut message = NeighbourTableMessage::default();
    message.header = NeighbourTableHeader {
        family: AddressFamily::Inet6,
    };
    message.attributes = vec![
        NeighbourTableAttribute::Name("ndisc_cache".to_owned()),
        NeighbourTableAttribute::Threshold1(128),
        NeighbourTableAttribute::Threshold2(512),
        NeighbourTableAttribute::Threshold3(1024),
        NeighbourTableAttribute::Other(DefaultNla::new(5, config)),
        NeighbourTableAttribute::Other(DefaultNla::new(7, stats)),
    ];
    message
}

#[test]
fn the_size_of_the_neighbour_table_is_read() {
    let expected = NeighbourTable {
        entries: 1000,
        limit: 1024,
        refused: 11,
    };
    assert_eq!(parse_neighbour_table(&bytes(&neighbour_table())), Some(expected));
    // What follows is one for each interface, with the name and parameters only.
    let mut of_interface = neighbour_table();
    of_interface.attributes.truncate(1);
    assert_eq!(parse_neighbour_table(&bytes(&of_interface)), None);
    let mut of_ipv4 = neighbour_table();
    of_ipv4.header.family = AddressFamily::Inet;
    assert_eq!(parse_neighbour_table(&bytes(&of_ipv4)), None);
}

#[test]
fn truncated_messages_give_no_wrong_values() {
    let (link, address) = (bytes(&link()), bytes(&address()));
    let (whole_link, whole_address) = (
        LinkRecord::parse(&link).unwrap(),
        parse_address(&address).unwrap(),
    );
    for len in 0..link.len() {
        if let Some(record) = LinkRecord::parse(&link[..len]) {
            assert_eq!(
                (record.ifindex, &record.name),
                (whole_link.ifindex, &whole_link.name)
            );
            assert!(record.ipv6.is_none() || record.ipv6 == whole_link.ipv6);
        }
    }
    for len in 0..address.len() {
        if let Some((ifindex, found)) = parse_address(&address[..len]) {
            assert_eq!(
                (ifindex, found.prefix_address),
                (whole_address.0, whole_address.1.prefix_address)
            );
        }
    }
    let neighbour = bytes(&neighbour(
        EncodedState::Reachable,
        NeighbourFlags::empty(),
        "fe80::2",
    ));
    let (_, whole) = parse_neighbour(&neighbour).unwrap();
    for len in 0..neighbour.len() {
        if let Some((ifindex, found)) = parse_neighbour(&neighbour[..len]) {
            assert_eq!((ifindex, found), (0x0102_0304, whole));
        }
    }
    let table = bytes(&neighbour_table());
    let whole = parse_neighbour_table(&table).unwrap();
    for len in 0..table.len() {
        if let Some(found) = parse_neighbour_table(&table[..len]) {
            assert_eq!((found.entries, found.limit), (whole.entries, whole.limit));
        }
    }
}

#[test]
fn wrong_lengths_end_the_iteration() {
    // nlmsg_len of 0, and longer than the datagram.
    for len in [0_u32, 3, 15, 64, u32::MAX] {
        let mut datagram = vec![0; 32];
        datagram[..4].copy_from_slice(&len.to_ne_bytes());
        assert_eq!(messages(&datagram).count(), 0, "{len}");
    }
    // An attribute of length 0 must not cause an endless loop.
    let mut body = bytes(&link());
    body[16..18].copy_from_slice(&0_u16.to_ne_bytes());
    assert!(LinkRecord::parse(&body).is_none());
}
