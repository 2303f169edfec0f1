//! Why nothing is advertised, in an operator's sentences.

use std::fmt;
use std::net::Ipv6Addr;

use super::mend::ADDRESS;
use crate::ifname::IfName;
use crate::prefix::Prefix64;

/// Why an interface is not advertised. [`Reason::explain`] says it to an
/// operator; [`Reason::key`] names it in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The state could not be read.
    Unreadable(String),
    /// The loopback interface.
    Loopback,
    /// Neither Ethernet nor bare IP: the `ARPHRD_*` that it is.
    LinkType(u16),
    /// Not `IFF_UP`.
    Down,
    /// Not `IFF_RUNNING`.
    NoCarrier,
    /// Not `IFF_MULTICAST`.
    NoMulticast,
    /// The kernel runs no IPv6 on it, as with an MTU below 1280.
    NoIpv6,
    /// `disable_ipv6` is set.
    Ipv6Disabled,
    /// It takes Router Advertisements although it forwards: an uplink.
    AcceptsRas(i32),
    /// An IPv6 default route goes out of it: an uplink.
    DefaultRoute,
    /// Another daemon of this host advertises on it.
    OtherDaemon,
    /// No link-local address.
    NoLinkLocal,
    /// A link-local address is not valid yet.
    LinkLocalTentative(Ipv6Addr),
    /// The link-local address belongs to another node.
    LinkLocalDuplicate(Ipv6Addr),
    /// More than one usable /64.
    SeveralPrefixes(Vec<Prefix64>),
    /// `forwarding` is not 1.
    NotForwarding(i32),
    /// No /64 at all.
    NoPrefix,
    /// The only /64 is not valid yet.
    PrefixTentative(Prefix64),
    /// The only address inside a /64 belongs to another node.
    PrefixDuplicate(Prefix64),
    /// The only /64 is deprecated.
    PrefixDeprecated(Prefix64),
}

impl Reason {
    /// A stable name for the journal field `AUTORA_REASON` and for scripts.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Loopback => "loopback",
            Self::LinkType(_) => "link-type",
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::NoMulticast => "no-multicast",
            Self::NoIpv6 => "no-ipv6",
            Self::Ipv6Disabled => "ipv6-disabled",
            Self::AcceptsRas(_) => "uplink-accepts-ra",
            Self::DefaultRoute => "uplink-default-route",
            Self::OtherDaemon => "other-daemon",
            Self::NoLinkLocal => "no-link-local",
            Self::LinkLocalTentative(_) => "link-local-tentative",
            Self::LinkLocalDuplicate(_) => "link-local-duplicate",
            Self::SeveralPrefixes(_) => "several-prefixes",
            Self::NotForwarding(_) => "not-forwarding",
            Self::NoPrefix => "no-prefix",
            Self::PrefixTentative(_) => "prefix-tentative",
            Self::PrefixDuplicate(_) => "prefix-duplicate",
            Self::PrefixDeprecated(_) => "prefix-deprecated",
        }
    }

    /// Whether it is a step on the way up, with nothing to be mended.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Down
                | Self::NoCarrier
                | Self::NoLinkLocal
                | Self::LinkLocalTentative(_)
                | Self::PrefixTentative(_)
        )
    }

    /// What was found and what to do, for the interface `name`.
    #[must_use]
    pub fn explain<'a>(&'a self, name: &'a IfName) -> impl fmt::Display + 'a {
        Explanation { reason: self, name }
    }
}

/// For what is never to be served.
const LEAVE_OUT: &str = "keep it out of AUTORA_INTERFACE_REGEX (systemctl reload autora applies that)";

struct Explanation<'a> {
    reason: &'a Reason,
    name: &'a IfName,
}

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        let dev = name.shell();
        let command = self.reason.command(name).unwrap_or_default();
        match self.reason {
            Reason::Unreadable(error) => write!(f, "its state cannot be read ({error}): trying again"),
            Reason::Loopback => write!(
                f,
                "it is the loopback interface, behind which is no guest: {LEAVE_OUT}"
            ),
            Reason::LinkType(kind) => {
                write!(
                    f,
                    "only Ethernet and bare IP (tun) are served, and it is neither (ARPHRD {kind}; ip link show dev \
                     {dev}): {LEAVE_OUT}"
                )
            }
            Reason::Down => write!(f, "it is down: {command}"),
            Reason::NoCarrier => write!(f, "it has no carrier: waiting for the guest"),
            Reason::NoMulticast => write!(f, "multicast is off: {command}"),
            Reason::NoIpv6 => {
                write!(
                    f,
                    "the kernel runs no IPv6 on it: {command} (at least 1280), or boot without ipv6.disable=1"
                )
            }
            Reason::Ipv6Disabled => write!(f, "disable_ipv6 is set: {command}"),
            Reason::AcceptsRas(value) => write!(
                f,
                "accept_ra is {value}, so it is an uplink of this host: if it is not, {command}"
            ),
            Reason::DefaultRoute => write!(
                f,
                "an IPv6 default route goes out of it, so it is an uplink of this host: if it is not, \
                 {command} (ip -6 route show table all default tells its table)"
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
                name.sysctl("addr_gen_mode")
            ),
            Reason::LinkLocalTentative(address) => {
                write!(
                    f,
                    "its link-local address {address} is tentative: waiting for duplicate address detection"
                )
            }
            Reason::LinkLocalDuplicate(address) => write!(
                f,
                "its link-local address {address} is a duplicate: another node on the link has it: {command}"
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
                "the address in {prefix} is a duplicate: another node on the link has it; \
                 ip -6 address del {ADDRESS}/64 dev {dev}, and add another one"
            ),
            Reason::PrefixDeprecated(prefix) => write!(
                f,
                "its only /64, {prefix}, is deprecated: ip -6 address add NEW-PREFIX::1/64 dev {dev}, or {command}"
            ),
        }
    }
}
