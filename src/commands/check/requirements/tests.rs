//! The findings agree with the daemon's decision.

use autora_core::interface_name::IfName;
use autora_core::link::{IFA_F_DADFAILED, IFA_F_DEPRECATED, IFA_F_TENTATIVE, IFAPROT_KERNEL_RA, LinkRoute};
use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;
use crate::commands::check::finding::{Mark, all_met};

/// A link that meets all requirements.
fn eligible_link() -> Link {
    Link {
        ifindex: 7,
        name: IfName::new(b"tap-vm-1").unwrap(),
        flags: IFF_UP | IFF_RUNNING | IFF_MULTICAST,
        hardware: Hardware::Ethernet([2, 0, 0, 0, 0, 1]),
        port_of: None,
        carrier_ups: 1,
        ipv6: Some(Ipv6Settings {
            forwarding: 1,
            accept_ra: 1,
            disable_ipv6: 0,
        }),
        addresses: vec![address("fe80::1"), address("2001:db8:1::1")],
        host_forwards: true,
        uplink_route: None,
        foreign_ras: 0,
    }
}

/// A permanent address with a prefix of 64 bits.
fn address(text: &str) -> Address {
    let local = text.parse().unwrap();
    Address {
        local,
        prefix_address: local,
        created: 100,
        ..permanent_address([0; 4])
    }
}

fn one_of<T: Clone>(rng: &mut impl Rng, values: &[T]) -> T {
    values[rng.random_range(0..values.len())].clone()
}

/// A random link. Each value meets its requirement more often than not.
fn any_link(rng: &mut SmallRng) -> Link {
    let mut link = eligible_link();
    let rarely = |rng: &mut SmallRng| rng.random_ratio(1, 6);
    for flag in [IFF_UP, IFF_RUNNING, IFF_MULTICAST, IFF_LOOPBACK, IFF_NOARP] {
        if rarely(rng) {
            link.flags ^= flag;
        }
    }
    link.hardware = one_of(
        rng,
        &[link.hardware, link.hardware, Hardware::Bare, Hardware::Other(772)],
    );
    let value = |rng: &mut SmallRng, usual| {
        if rarely(rng) {
            rng.random_range(-1..4)
        } else {
            usual
        }
    };
    link.ipv6 = Some(Ipv6Settings {
        forwarding: value(rng, 1),
        accept_ra: value(rng, 0),
        disable_ipv6: value(rng, 0),
    })
    .filter(|_| !rng.random_ratio(1, 12));
    link.port_of = Some(9).filter(|_| rng.random_ratio(1, 8));
    let route = LinkRoute {
        prefix: Ipv6Addr::UNSPECIFIED,
        prefix_len: one_of(rng, &[0, 3, 64]),
        table: 254,
        is_from_ra: rng.random(),
    };
    link.uplink_route = Some(route).filter(|_| rng.random_ratio(1, 8));
    link.addresses.clear();
    for _ in 0..rng.random_range(0..5) {
        link.addresses.push(any_address(rng));
    }
    link
}

fn any_address(rng: &mut SmallRng) -> Address {
    let texts = [
        "fe80::1",
        "fe80::2",
        "2001:db8:1::1",
        "2001:db8:1::2",
        "2001:db8:2::1",
        "fd00::1",
        "::1",
        "ff02::1",
    ];
    let mut any = address(one_of(rng, &texts));
    any.prefix_len = one_of(rng, &[64, 64, 64, 64, 128, 56]);
    let states = [
        0,
        0,
        0,
        IFA_F_TENTATIVE,
        IFA_F_DEPRECATED,
        IFA_F_TENTATIVE | IFA_F_DADFAILED,
    ];
    any.flags |= one_of(rng, &states);
    any.created = rng.random_range(0..4);
    any.protocol = one_of(rng, &[0, 0, 0, 0, 0, 0, 0, 1, 2]);
    if rng.random_ratio(1, 10) {
        // A peer is configured.
        any.prefix_address = address(one_of(rng, &texts)).local;
    }
    if rng.random_ratio(1, 10) {
        any.preferred = Lifetime::ZERO;
    }
    any
}

#[test]
fn a_requirement_is_missed_exactly_if_the_daemon_would_not_advertise() {
    let mut rng = SmallRng::seed_from_u64(4861);
    let (mut advertised, mut silent) = (0, 0);
    for _ in 0..50_000 {
        let link = any_link(&mut rng);
        let findings = requirements(&link);
        let verdict = judge(&link, false, None);
        assert_eq!(
            all_met(&findings),
            verdict.reason().is_none(),
            "{link:#?}\n{findings:#?}\n{verdict:#?}"
        );
        if let Some(reason) = verdict.reason() {
            silent += 1;
            let said = explain(reason, &link.name).to_string();
            // The daemon's reason is among the missed requirements, in the same words.
            let named = |finding: &Finding| finding.mark == Mark::Missed && said.starts_with(&finding.found);
            assert!(findings.iter().any(named), "{said}\n{findings:#?}");
        } else {
            advertised += 1;
        }
    }
    assert!(advertised > 500 && silent > 500, "{advertised} and {silent}");
}

fn missed(change: impl FnOnce(&mut Link)) -> Vec<(&'static str, Option<String>)> {
    let mut link = eligible_link();
    change(&mut link);
    let missed = |finding: &Finding| finding.mark == Mark::Missed;
    let findings = requirements(&link).into_iter().filter(missed);
    findings
        .map(|finding| (finding.requirement, finding.fix))
        .collect()
}

#[test]
fn each_requirement_has_its_own_finding_and_command() {
    let off = |flag: u32| move |link: &mut Link| link.flags &= !flag;
    let one = |requirement, fix: &str| vec![(requirement, Some(fix.to_owned()))];
    assert_eq!(missed(|_| ()), []);
    assert_eq!(missed(off(IFF_UP)), one("up", "ip link set tap-vm-1 up"));
    assert_eq!(missed(off(IFF_RUNNING)), [("carrier", None)]);
    assert_eq!(
        missed(|link| link.ipv6 = None),
        one("IPv6", "ip link set tap-vm-1 mtu 1500")
    );
    assert_eq!(
        missed(|link| link.ipv6.as_mut().unwrap().accept_ra = 2),
        one("accept_ra", "sysctl -w net/ipv6/conf/INTERFACE/accept_ra=0")
    );
    // Beside the operator's own, and in its place.
    let learned = |text| Address {
        protocol: IFAPROT_KERNEL_RA,
        ..address(text)
    };
    let command =
        "sysctl -w net/ipv6/conf/INTERFACE/accept_ra=0 && ip -6 address del 2001:db8:9::1/64 dev INTERFACE";
    assert_eq!(
        missed(|link| link.addresses.push(learned("2001:db8:9::1"))),
        one("no other router", command)
    );
    assert_eq!(
        missed(|link| link.addresses[1] = learned("2001:db8:9::1")),
        [
            ("no other router", Some(command.to_owned())),
            (
                "one /64",
                Some("ip -6 address add PREFIX::1/64 dev tap-vm-1".to_owned())
            ),
        ]
    );
    assert_eq!(
        missed(|link| {
            link.addresses.push(address("2001:db8:9::1"));
            link.addresses.push(address("2001:db8:9::2"));
        }),
        one(
            "one /64",
            "ip -6 address del 2001:db8:9::1/64 dev tap-vm-1; ip -6 address del 2001:db8:9::2/64 dev tap-vm-1"
        )
    );
}

#[test]
fn the_command_is_not_repeated_in_the_text() {
    let mut link = eligible_link();
    link.ipv6.as_mut().unwrap().forwarding = 0;
    let finding = requirements(&link).pop().unwrap();
    assert_eq!(finding.found, "forwarding is 0");
    assert_eq!(
        finding.fix.as_deref(),
        Some("sysctl -w net.ipv6.conf.tap-vm-1.forwarding=1")
    );
}
