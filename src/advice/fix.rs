//! The command that fixes a reason for not advertising.

use autora_core::eligibility::Reason;
use autora_core::interface_name::IfName;

use super::shell;

/// The placeholder in a command for an address that the [`Reason`] does not contain.
pub(crate) const ADDRESS: &str = "ADDRESS";

/// Stands for the name of an interface that looks like an uplink: done there, the
/// command would cut the host off, so that it is for the operator to say where.
const INTERFACE: &str = "INTERFACE";

/// The command that fixes `reason` on the interface `name`, if there is one.
/// Words in capitals, such as [`ADDRESS`], have to be replaced.
pub(crate) fn fix(reason: &Reason, name: &IfName) -> Option<String> {
    let dev = shell::interface(name);
    let sysctl = |setting: &str, value: u8| format!("sysctl -w {}={value}", shell::sysctl_key(name, setting));
    let deaf = format!("sysctl -w net/ipv6/conf/{INTERFACE}/accept_ra=0");
    Some(match reason {
        Reason::Down => format!("ip link set {dev} up"),
        Reason::NoMulticast => format!("ip link set {dev} multicast on"),
        Reason::Port(_) => format!("ip link set {dev} nomaster"),
        Reason::NoNeighbourDiscovery => format!("ip link set {dev} arp on"),
        Reason::NoIpv6 => format!("ip link set {dev} mtu 1500"),
        Reason::Ipv6Disabled => sysctl("disable_ipv6", 0),
        Reason::AcceptsRas(_) => deaf,
        Reason::UplinkRoute(route) | Reason::RouteFromRa(route) => {
            format!("ip -6 route del {route} dev {INTERFACE}")
        }
        Reason::AddressFromRa(address) => format!("{deaf} && ip -6 address del {address}/64 dev {INTERFACE}"),
        Reason::NoLinkLocal => format!("ip -6 address add fe80::1/64 dev {dev}"),
        Reason::LinkLocalDuplicate(taken) => {
            let free = if taken.segments() == [0xfe80, 0, 0, 0, 0, 0, 0, 1] {
                2
            } else {
                1
            };
            // Whoever answered would answer for this one too.
            format!("ip -6 address add fe80::{free}/64 dev {dev} nodad")
        }
        Reason::SeveralPrefixes(_) => format!("ip -6 address del {ADDRESS}/64 dev {dev}"),
        Reason::NotForwarding(_) => sysctl("forwarding", 1),
        Reason::NoPrefix => format!("ip -6 address add PREFIX::1/64 dev {dev}"),
        Reason::Unreadable(_)
        | Reason::Loopback
        | Reason::LinkType(_)
        | Reason::NoCarrier
        | Reason::OtherDaemon
        | Reason::LinkLocalTentative(_)
        | Reason::PrefixTentative(_)
        | Reason::PrefixDuplicate(_)
        | Reason::PrefixUnrouted(_) => return None,
    })
}
