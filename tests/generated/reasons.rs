//! Each reason for silence, as an operator meets it.

use autora::advice::explain;
use autora_core::eligibility::Reason;
use autora_core::interface_name::IfName;
use autora_core::link::LinkRoute;
use autora_core::prefix::Prefix64;

use super::read;

fn one_of_each() -> Vec<Reason> {
    let link_local = "fe80::1".parse().unwrap();
    let prefix = |text: &str| Prefix64::of(text.parse().unwrap());
    let one = prefix("2001:db8:1::");
    let route = LinkRoute {
        prefix: one.network(),
        prefix_len: 64,
        table: 254,
        is_from_ra: true,
    };
    vec![
        Reason::Unreadable("link: Input/output error".to_owned()),
        Reason::Loopback,
        Reason::LinkType(512),
        Reason::Port(7),
        Reason::Down,
        Reason::NoCarrier,
        Reason::NoMulticast,
        Reason::NoNeighbourDiscovery,
        Reason::NoIpv6,
        Reason::Ipv6Disabled,
        Reason::AcceptsRas(2),
        Reason::UplinkRoute(route),
        Reason::RouteFromRa(route),
        Reason::AddressFromRa("2001:db8:1::1".parse().unwrap()),
        Reason::OtherDaemon,
        Reason::NoLinkLocal,
        Reason::LinkLocalTentative(link_local),
        Reason::LinkLocalDuplicate(link_local),
        Reason::SeveralPrefixes(vec![one, prefix("2001:db8:2::")]),
        Reason::NotForwarding(0),
        Reason::NoPrefix,
        Reason::PrefixTentative(one),
        Reason::PrefixDuplicate(one),
        Reason::PrefixUnrouted(one),
    ]
}

/// A new reason stops the compiler here until [`one_of_each`] has it.
const fn count(reason: &Reason) -> usize {
    match reason {
        Reason::Unreadable(_)
        | Reason::Loopback
        | Reason::LinkType(_)
        | Reason::Port(_)
        | Reason::Down
        | Reason::NoCarrier
        | Reason::NoMulticast
        | Reason::NoNeighbourDiscovery
        | Reason::NoIpv6
        | Reason::Ipv6Disabled
        | Reason::AcceptsRas(_)
        | Reason::UplinkRoute(_)
        | Reason::RouteFromRa(_)
        | Reason::AddressFromRa(_)
        | Reason::OtherDaemon
        | Reason::NoLinkLocal
        | Reason::LinkLocalTentative(_)
        | Reason::LinkLocalDuplicate(_)
        | Reason::SeveralPrefixes(_)
        | Reason::NotForwarding(_)
        | Reason::NoPrefix
        | Reason::PrefixTentative(_)
        | Reason::PrefixDuplicate(_)
        | Reason::PrefixUnrouted(_) => 24,
    }
}

#[test]
fn each_explanation_names_a_command_or_what_is_waited_for() {
    let name = IfName::new(b"tap-vm-1").unwrap();
    let reasons = one_of_each();
    assert_eq!(reasons.len(), count(&Reason::Loopback));
    for reason in reasons {
        let text = explain(&reason, &name).to_string();
        let own =
            ["ip ", "sysctl -w "].iter().any(|command| text.contains(command)) && text.contains("tap-vm-1");
        let acts = own || text.contains("ss -lwp") || text.contains("systemctl reload autora");
        let waits = text.contains("waiting for ") || text.contains("trying again");
        assert!(acts || waits, "{}: {text}", reason.key());
        assert!(!text.ends_with('.') && !text.contains('\n'), "{text}");
    }
}

#[test]
fn each_is_judged_and_tested() {
    let code = read("../src/core/eligibility/mod.rs");
    let tests = read("../src/core/eligibility/tests.rs");
    for reason in one_of_each() {
        // This one is no verdict on a link, but the lack of one.
        if matches!(reason, Reason::Unreadable(_)) {
            continue;
        }
        let variant: String = format!("{reason:?}")
            .chars()
            .take_while(|c| c.is_alphanumeric())
            .collect();
        let name = format!("Reason::{variant}");
        for text in [&code, &tests] {
            let mut uses = text.split(&name).skip(1);
            let whole = uses.any(|rest| !rest.starts_with(char::is_alphanumeric));
            assert!(whole, "{name}");
        }
    }
}

#[test]
fn the_manual_lists_each() {
    let manual = read("manual/autora.8.in");
    for reason in one_of_each() {
        let key = reason.key().replace('-', "\\-");
        assert!(manual.contains(&format!(".RB ( {key} )")), "{key}");
    }
}
