//! The command that mends a reason for not advertising.

use crate::eligibility::Reason;
use crate::link::{Address, Link};
use crate::prefix::Prefix64;

/// A command after which `reason` does not hold any more, if a command can do
/// that. [`Reason::explain`] says the same in words, with its conditions.
pub fn mend(reason: &Reason, link: &Link) -> Option<String> {
    let name = &link.name;
    let dev = name.shell();
    let sysctl = |setting: &str, value: u8| format!("sysctl -w {}={value}", name.sysctl(setting));
    Some(match reason {
        Reason::Down => format!("ip link set {dev} up"),
        Reason::NoMulticast => format!("ip link set {dev} multicast on"),
        Reason::NoIpv6 => format!("ip link set {dev} mtu 1500"),
        Reason::Ipv6Disabled => sysctl("disable_ipv6", 0),
        Reason::AcceptsRas(_) => sysctl("accept_ra", 0),
        Reason::DefaultRoute => format!("ip -6 route del default dev {dev}"),
        Reason::NoLinkLocal => format!("ip -6 address add fe80::1/64 dev {dev}"),
        Reason::LinkLocalDuplicate(taken) => {
            let free = if taken.segments() == [0xfe80, 0, 0, 0, 0, 0, 0, 1] {
                2
            } else {
                1
            };
            format!("ip -6 address add fe80::{free}/64 dev {dev}")
        }
        Reason::SeveralPrefixes(prefixes) => superfluous(prefixes, link)
            .map(|address| format!("ip -6 address del {}/64 dev {dev}", address.local))
            .collect::<Vec<_>>()
            .join("; "),
        Reason::NotForwarding(_) => sysctl("forwarding", 1),
        Reason::NoPrefix => format!("ip -6 address add PREFIX::1/64 dev {dev}"),
        Reason::PrefixDeprecated(prefix) => {
            let address = inside(link, *prefix).next()?;
            format!(
                "ip -6 address change {}/64 dev {dev} valid_lft forever preferred_lft forever",
                address.local
            )
        }
        Reason::Unreadable(_)
        | Reason::Loopback
        | Reason::LinkType(_)
        | Reason::NoCarrier
        | Reason::OtherDaemon
        | Reason::LinkLocalTentative(_)
        | Reason::PrefixTentative(_)
        | Reason::PrefixDuplicate(_) => return None,
    })
}

fn inside(link: &Link, prefix: Prefix64) -> impl Iterator<Item = &Address> {
    let inside =
        move |address: &&Address| address.prefix_len == 64 && Prefix64::of(address.on_link) == prefix;
    link.addresses.iter().filter(inside)
}

/// All addresses of `prefixes` but those of the /64 that has been there longest.
fn superfluous<'a>(prefixes: &'a [Prefix64], link: &'a Link) -> impl Iterator<Item = &'a Address> {
    let since = move |prefix: &Prefix64| inside(link, *prefix).map(|address| address.created).min();
    let kept = prefixes.iter().copied().min_by_key(since);
    prefixes
        .iter()
        .filter(move |&&prefix| Some(prefix) != kept)
        .flat_map(move |&prefix| inside(link, prefix))
}
