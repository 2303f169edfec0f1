//! The command that mends a reason for not advertising.

use super::Reason;
use crate::ifname::IfName;

/// Stands in a command for an address of the interface, which a [`Reason`] does not tell.
pub const ADDRESS: &str = "ADDRESS";

impl Reason {
    /// A command after which it does not hold any more, if a command can do
    /// that. Words in capitals, as [`ADDRESS`], are to be filled in.
    #[must_use]
    pub fn command(&self, name: &IfName) -> Option<String> {
        let dev = name.shell();
        let sysctl = |setting: &str, value: u8| format!("sysctl -w {}={value}", name.sysctl(setting));
        Some(match self {
            Self::Down => format!("ip link set {dev} up"),
            Self::NoMulticast => format!("ip link set {dev} multicast on"),
            Self::NoIpv6 => format!("ip link set {dev} mtu 1500"),
            Self::Ipv6Disabled => sysctl("disable_ipv6", 0),
            Self::AcceptsRas(_) => sysctl("accept_ra", 0),
            Self::DefaultRoute => format!("ip -6 route del default dev {dev}"),
            Self::NoLinkLocal => format!("ip -6 address add fe80::1/64 dev {dev}"),
            Self::LinkLocalDuplicate(taken) => {
                let free = if taken.segments() == [0xfe80, 0, 0, 0, 0, 0, 0, 1] {
                    2
                } else {
                    1
                };
                format!("ip -6 address add fe80::{free}/64 dev {dev}")
            }
            Self::SeveralPrefixes(_) => format!("ip -6 address del {ADDRESS}/64 dev {dev}"),
            Self::NotForwarding(_) => sysctl("forwarding", 1),
            Self::NoPrefix => format!("ip -6 address add PREFIX::1/64 dev {dev}"),
            Self::PrefixDeprecated(_) => {
                format!("ip -6 address change {ADDRESS}/64 dev {dev} valid_lft forever preferred_lft forever")
            }
            Self::Unreadable(_)
            | Self::Loopback
            | Self::LinkType(_)
            | Self::NoCarrier
            | Self::OtherDaemon
            | Self::LinkLocalTentative(_)
            | Self::PrefixTentative(_)
            | Self::PrefixDuplicate(_) => return None,
        })
    }
}
