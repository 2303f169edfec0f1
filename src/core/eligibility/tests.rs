//! Each requirement alone, on a link that meets all others.

use super::*;
use crate::lifetime::Lifetime;
use crate::link::tests::{address, eligible};
use crate::link::{IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE, IFAPROT_KERNEL_RA, LinkRoute};

fn verdict(change: impl FnOnce(&mut Link)) -> Verdict {
    let mut link = eligible();
    change(&mut link);
    judge(&link, false, None)
}

fn reason(change: impl FnOnce(&mut Link)) -> Reason {
    verdict(change).reason().cloned().expect("ineligible")
}

fn prefix(text: &str) -> Prefix64 {
    Prefix64::of(text.parse().unwrap())
}

fn settings(link: &mut Link) -> &mut crate::link::Ipv6Settings {
    link.ipv6.as_mut().unwrap()
}

fn advertised(change: impl FnOnce(&mut Link)) -> (AdvertisingBasis, PrefixInformation) {
    match verdict(change) {
        Verdict::Advertise(basis, prefix) => (basis, prefix),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_eligible_link_is_advertised() {
    let (basis, offer) = advertised(|_| ());
    assert_eq!(basis.source, "fe80::1".parse::<Ipv6Addr>().unwrap());
    assert_eq!(offer.prefix, prefix("2001:db8:1::"));
    assert_eq!(offer.valid, Lifetime::INFINITE);
}

#[test]
fn each_requirement_has_its_reason() {
    let off = |flag: u32| move |l: &mut Link| l.flags &= !flag;
    assert_eq!(reason(|l| l.flags |= IFF_LOOPBACK), Reason::Loopback);
    assert_eq!(
        reason(|l| l.hardware = Hardware::Other(512)),
        Reason::LinkType(512)
    );
    assert_eq!(reason(|l| l.port_of = Some(9)), Reason::Port(9));
    assert_eq!(reason(off(IFF_UP)), Reason::Down);
    assert_eq!(reason(|l| l.flags |= IFF_NOARP), Reason::NoNeighbourDiscovery);
    let _ = advertised(|l| {
        l.flags |= IFF_NOARP;
        l.hardware = Hardware::Bare;
    });
    assert_eq!(reason(off(IFF_RUNNING)), Reason::NoCarrier);
    assert_eq!(reason(off(IFF_MULTICAST)), Reason::NoMulticast);
    assert_eq!(reason(|l| l.ipv6 = None), Reason::NoIpv6);
    assert_eq!(reason(|l| settings(l).disable_ipv6 = 1), Reason::Ipv6Disabled);
    assert_eq!(reason(|l| settings(l).accept_ra = 2), Reason::AcceptsRas(2));
    let route = LinkRoute {
        prefix: Ipv6Addr::UNSPECIFIED,
        prefix_len: 0,
        table: 254,
        is_from_ra: false,
    };
    let learned = LinkRoute {
        prefix_len: 64,
        is_from_ra: true,
        ..route
    };
    assert_eq!(
        reason(|l| l.uplink_route = Some(route)),
        Reason::UplinkRoute(route)
    );
    assert_eq!(
        reason(|l| l.uplink_route = Some(learned)),
        Reason::RouteFromRa(learned)
    );
    assert_eq!(reason(|l| settings(l).forwarding = 0), Reason::NotForwarding(0));
    assert_eq!(reason(|l| settings(l).forwarding = 2), Reason::NotForwarding(2));
    let verdict = judge(&eligible(), true, None);
    assert_eq!(verdict, Verdict::Silent(Reason::OtherDaemon));
}

#[test]
fn the_source_must_be_link_local_and_valid() {
    let ll = "fe80::1".parse().unwrap();
    assert_eq!(reason(|l| l.addresses.truncate(0)), Reason::NoLinkLocal);
    assert_eq!(
        reason(|l| l.addresses[0].flags |= IFA_F_TENTATIVE),
        Reason::LinkLocalTentative(ll)
    );
    assert_eq!(
        reason(|l| l.addresses[0].flags |= IFA_F_DADFAILED),
        Reason::LinkLocalDuplicate(ll)
    );
}

#[test]
fn the_source_is_kept_while_valid_else_the_oldest_is_taken() {
    let mut link = eligible();
    let mut second = address("fe80::2");
    second.created = 50;
    link.addresses.push(second);
    let source = |link: &Link, so_far: &str| match judge(link, false, so_far.parse().ok()) {
        Verdict::Advertise(basis, _) => basis.source.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(source(&link, "fe80::1"), "fe80::1");
    assert_eq!(source(&link, "fe80::9"), "fe80::2");
    link.addresses[0].flags |= IFA_F_TENTATIVE;
    assert_eq!(source(&link, "fe80::1"), "fe80::2");
}

#[test]
fn exactly_one_usable_64_is_required() {
    let p = prefix("2001:db8:1::");
    assert_eq!(reason(|l| l.addresses.truncate(1)), Reason::NoPrefix);
    assert_eq!(reason(|l| l.addresses[1].prefix_len = 65), Reason::NoPrefix);
    assert_eq!(
        reason(|l| l.addresses.push(address("fd00::1"))),
        Reason::SeveralPrefixes(vec![p, prefix("fd00::")])
    );
    assert_eq!(
        reason(|l| l.addresses[1].flags |= IFA_F_TENTATIVE),
        Reason::PrefixTentative(p)
    );
    assert_eq!(
        reason(|l| l.addresses[1].flags |= IFA_F_DADFAILED),
        Reason::PrefixDuplicate(p)
    );
}

/// As `NetworkManager` adds addresses, first of all those from a Router
/// Advertisement: the route after them shows what the interface is.
#[test]
fn a_prefix_that_no_route_leads_to_is_not_advertised_yet() {
    let p = prefix("2001:db8:1::");
    assert_eq!(
        reason(|l| l.addresses[1].is_routed = false),
        Reason::PrefixUnrouted(p)
    );
    // Duplicate Address Detection comes first.
    assert_eq!(
        reason(|l| {
            l.addresses[1].is_routed = false;
            l.addresses[1].flags |= IFA_F_TENTATIVE;
        }),
        Reason::PrefixTentative(p)
    );
    // It is no second prefix, and no obstacle to another.
    let (basis, offer) = advertised(|l| {
        l.addresses.push(Address {
            is_routed: false,
            ..address("fd00::1")
        });
    });
    assert_eq!(offer.prefix, p);
    assert!(basis.is_pending(prefix("fd00::")));
    // A link-local address needs no route of its own.
    advertised(|l| l.addresses[0].is_routed = false);
}

/// Connections from a deprecated address continue (RFC 4862, 5.5.4).
#[test]
fn a_deprecated_prefix_is_advertised_as_deprecated() {
    let (basis, offer) = advertised(|l| l.addresses[1].flags |= IFA_F_DEPRECATED);
    assert_eq!(basis.preferred, None);
    assert_eq!(offer.prefix, prefix("2001:db8:1::"));
    assert_eq!(
        (offer.valid, offer.preferred),
        (Lifetime::INFINITE, Lifetime::ZERO)
    );
    // Neither beside a preferred prefix nor in its last second.
    let (_, offer) = advertised(|l| {
        l.addresses[1].flags |= IFA_F_DEPRECATED;
        l.addresses.push(address("2001:db8:2::1"));
    });
    assert_eq!(offer.prefix, prefix("2001:db8:2::"));
    let last_second = reason(|l| {
        l.addresses[1].flags |= IFA_F_DEPRECATED;
        l.addresses[1].valid = Lifetime::from_bits(1);
    });
    assert_eq!(last_second, Reason::NoPrefix);
}

#[test]
fn several_addresses_in_one_64_are_one_prefix() {
    let (_, offer) = advertised(|l| {
        l.addresses[1].valid = Lifetime::from_bits(100);
        l.addresses[1].preferred = Lifetime::from_bits(90);
        let mut other = address("2001:db8:1::2");
        other.valid = Lifetime::from_bits(200);
        other.preferred = Lifetime::from_bits(10);
        l.addresses.push(other);
        let mut deprecated = address("2001:db8:1::3");
        deprecated.flags |= IFA_F_DEPRECATED;
        l.addresses.push(deprecated);
    });
    assert_eq!((offer.valid.to_bits(), offer.preferred.to_bits()), (199, 89));
}

#[test]
fn addresses_of_other_kinds_are_ignored() {
    let (basis, offer) = advertised(|l| {
        for text in ["::1", "::ffff:192.0.2.1"] {
            l.addresses.push(address(text));
        }
        let mut host = address("2001:db8:9::1");
        host.prefix_len = 128;
        l.addresses.push(host);
    });
    assert_eq!(offer.prefix, prefix("2001:db8:1::"));
    assert!(basis.deprecated.is_empty() && basis.pending.is_empty());
}

#[test]
fn a_prefix_is_pending_only_if_no_address_in_it_is_usable() {
    let (basis, _) = advertised(|l| {
        for text in ["2001:db8:1::2", "2001:db8:2::2"] {
            let mut tentative = address(text);
            tentative.flags |= IFA_F_TENTATIVE;
            l.addresses.push(tentative);
        }
    });
    assert_eq!(basis.pending, [(prefix("2001:db8:2::"), Pending::Tentative)]);
}

#[test]
fn a_deprecated_prefix_beside_a_new_one_is_reported() {
    let (basis, offer) = advertised(|l| {
        l.addresses[1].flags |= IFA_F_DEPRECATED;
        l.addresses.push(address("2001:db8:2::1"));
    });
    assert_eq!(offer.prefix, prefix("2001:db8:2::"));
    assert_eq!(basis.deprecated.len(), 1);
    assert_eq!(basis.deprecated[0].prefix, prefix("2001:db8:1::"));
}

/// Whatever its state and its length: the other router is there.
#[test]
fn an_address_that_was_advertised_is_never_served_nor_beside_one() {
    for (text, prefix_len, flags) in [
        ("2001:db8:9::1", 64, 0),
        ("2001:db8:9::1", 64, IFA_F_DEPRECATED),
        ("2001:db8:9::1", 64, IFA_F_TENTATIVE),
        ("fd00::1", 96, 0),
    ] {
        let mut learned = address(text);
        (learned.prefix_len, learned.protocol) = (prefix_len, IFAPROT_KERNEL_RA);
        learned.flags |= flags;
        let expected = Reason::AddressFromRa(learned.local);
        assert_eq!(reason(|l| l.addresses.push(learned)), expected);
        assert_eq!(reason(|l| l.addresses[1] = learned), expected);
    }
}

#[test]
fn only_missing_forwarding_or_a_missing_prefix_allows_a_withdrawal() {
    assert!(matches!(
        verdict(|l| settings(l).forwarding = 0),
        Verdict::WithdrawOnly(..)
    ));
    assert!(matches!(
        verdict(|l| l.addresses.truncate(1)),
        Verdict::WithdrawOnly(..)
    ));
    // An uplink without forwarding is reported as an uplink.
    let uplink = verdict(|l| {
        settings(l).forwarding = 0;
        l.addresses[1].protocol = IFAPROT_KERNEL_RA;
    });
    let learned = "2001:db8:1::1".parse().unwrap();
    assert_eq!(uplink, Verdict::Silent(Reason::AddressFromRa(learned)));
    let several = verdict(|l| l.addresses.push(address("fd00::1")));
    assert!(matches!(several, Verdict::Silent(Reason::SeveralPrefixes(_))));
}
