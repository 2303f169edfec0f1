//! Explains to an operator why an interface is not advertised.

use std::fmt;

use autora_core::eligibility::Reason;
use autora_core::interface_name::IfName;

use super::fix::{ADDRESS, fix};
use super::shell;

/// What was found on the interface `name`, and what to do.
#[must_use]
pub fn explain<'a>(reason: &'a Reason, name: &'a IfName) -> impl fmt::Display + 'a {
    Explanation { reason, name }
}

/// Names in `autora status` that an instance advertises and its host forwards nothing.
pub(crate) const HOST_NOT_FORWARDING: &str = "host-not-forwarding";

/// Said of an interface that forwards, on a host that does not. The command is for
/// `autora check` to print: it depends on the uplink.
pub(crate) fn not_forwarded(name: &IfName) -> String {
    format!(
        "net.ipv6.conf.all.forwarding is 0, so that this host drops what the guest sends: autora check {} shows the \
         command",
        shell::interface(name)
    )
}

/// For interfaces that must never be served.
const LEAVE_OUT: &str = "keep it out of AUTORA_INTERFACE_REGEX (systemctl reload autora applies that)";

/// Who answers duplicate address detection: only the kernel knows.
const WHO: &str = "journalctl -k -g 'duplicate address' names its MAC address";

struct Explanation<'a> {
    reason: &'a Reason,
    name: &'a IfName,
}

impl fmt::Display for Explanation<'_> {
    #[expect(clippy::too_many_lines, reason = "an arm for each reason")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        let dev = shell::interface(name);
        let command = fix(self.reason, name).unwrap_or_default();
        match self.reason {
            Reason::Unreadable(error) => write!(f, "its state cannot be read ({error}): trying again"),
            Reason::Loopback => write!(f, "it is the loopback interface, which has no guest: {LEAVE_OUT}"),
            Reason::LinkType(kind) => {
                write!(
                    f,
                    "only Ethernet and bare IP (tun) are served, and it is neither (ARPHRD {kind}; ip link show dev \
                     {dev}): {LEAVE_OUT}"
                )
            }
            Reason::Port(master) => write!(
                f,
                "it is a port of the interface with index {master} (a bridge or bond; ip link show dev {dev}), which takes \
                 what the guest sends: serve that one instead, or {command}"
            ),
            Reason::NoNeighbourDiscovery => write!(
                f,
                "the kernel does no neighbour discovery on it (NOARP), so that the guest does not find its router: \
                 {command}"
            ),
            Reason::Down => write!(f, "it is down: {command}"),
            Reason::NoCarrier => write!(f, "it has no carrier: waiting for the guest"),
            Reason::NoMulticast => write!(f, "multicast is off: {command}"),
            Reason::NoIpv6 => {
                write!(
                    f,
                    "the kernel does not run IPv6 on it: {command} (at least 1280), or boot without ipv6.disable=1"
                )
            }
            Reason::Ipv6Disabled => write!(f, "disable_ipv6 is set: {command}"),
            Reason::AcceptsRas(value) => write!(
                f,
                "accept_ra is {value}, so it is an uplink of this host: {LEAVE_OUT}; on a guest's link, {command}"
            ),
            Reason::UplinkRoute(route) => write!(
                f,
                "an IPv6 default route goes out of it ({route}), so it is an uplink of this host: {LEAVE_OUT}; on a \
                 guest's link, {command}"
            ),
            Reason::RouteFromRa(route) => write!(
                f,
                "the route {route} out of it comes from a Router Advertisement, so it is an uplink of this host: \
                 {LEAVE_OUT}; on a guest's link, {command}"
            ),
            Reason::AddressFromRa(address) => write!(
                f,
                "its address {address} comes from a Router Advertisement, so it is an uplink of this host: \
                 {LEAVE_OUT}; on a guest's link, {command}"
            ),
            Reason::OtherDaemon => write!(
                f,
                "another program of this host sends Router Advertisements on it: yielding until it has been \
                 silent for three maximum intervals; stop it (radvd, dnsmasq, systemd-networkd? ss -lwp lists programs \
                 with such sockets), or this instance"
            ),
            Reason::NoLinkLocal => write!(
                f,
                "it has no link-local address: sysctl -w {}=0, or {command}",
                shell::sysctl_key(name, "addr_gen_mode")
            ),
            Reason::LinkLocalTentative(address) => {
                write!(
                    f,
                    "its link-local address {address} is tentative: waiting for duplicate address detection"
                )
            }
            Reason::LinkLocalDuplicate(address) => write!(
                f,
                "its link-local address {address} is a duplicate: another node on the link answered for it ({WHO}): \
                 {command}"
            ),
            Reason::SeveralPrefixes(prefixes) => {
                write!(f, "it has {} usable /64 prefixes (", prefixes.len())?;
                for (i, prefix) in prefixes.iter().enumerate() {
                    write!(f, "{}{prefix}", if i == 0 { "" } else { ", " })?;
                }
                write!(
                    f,
                    ") and only one may be: {command} for all but one, or \
                     ip -6 address change {ADDRESS}/64 dev {dev} preferred_lft 0 for the old ones"
                )
            }
            Reason::NotForwarding(value) => {
                write!(f, "forwarding is {value}: {command}")
            }
            Reason::NoPrefix => {
                write!(f, "it has no global or unique-local /64: {command}")
            }
            Reason::PrefixTentative(prefix) => {
                write!(
                    f,
                    "the address in {prefix} is tentative: waiting for duplicate address detection"
                )
            }
            Reason::PrefixDuplicate(prefix) => write!(
                f,
                "the address in {prefix} is a duplicate: another node on the link answered for it ({WHO}); \
                 ip -6 address del {ADDRESS}/64 dev {dev} && ip -6 address add {ADDRESS}/64 dev {dev} nodad"
            ),
            Reason::PrefixUnrouted(prefix) => write!(
                f,
                "its address in {prefix} was added with noprefixroute and no route to {prefix} goes out of it: waiting \
                 for whoever added it to add the route, as ip -6 route add {prefix} dev INTERFACE does"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_contain_the_command() {
        let name = IfName::new(b"tap-vm-1").unwrap();
        assert_eq!(
            explain(&Reason::NotForwarding(0), &name).to_string(),
            "forwarding is 0: sysctl -w net.ipv6.conf.tap-vm-1.forwarding=1"
        );
    }
}
