//! Whether packets for the guest find the way to it.

use std::io;
use std::net::Ipv6Addr;

use autora_core::interface_name::IfName;
use autora_core::prefix::Prefix64;

use super::finding::Finding;
use crate::advice::shell;
use crate::kernel::interfaces;
use crate::kernel::rtnetlink::lookup::{Route, route_to};

const REQUIREMENT: &str = "route to the /64";

/// An address as a guest makes it (of a documentation MAC address, RFC 7042,
/// 2.1.2), which the host has not.
#[must_use]
pub(super) fn a_guest_in(prefix: Prefix64) -> Ipv6Addr {
    let [a, b, c, d, ..] = prefix.network().segments();
    Ipv6Addr::new(a, b, c, d, 0x0200, 0x5eff, 0xfe00, 0x5301)
}

/// Looks where packets to a guest in `prefix` behind the interface go.
pub(super) fn finding(prefix: Prefix64, ifindex: u32, name: &IfName) -> Finding {
    match route_to(a_guest_in(prefix)) {
        Ok(route) => judged(prefix, name, ifindex, route, &shell_name),
        Err(error) => Finding::unknown(REQUIREMENT, unreadable(&error)),
    }
}

fn judged(
    prefix: Prefix64,
    name: &IfName,
    ifindex: u32,
    route: Option<Route>,
    name_of: &dyn Fn(u32) -> String,
) -> Finding {
    let add = format!("ip -6 route add {prefix} dev {}", shell::interface(name));
    match route {
        Some(route) if route.ifindex == ifindex => {
            Finding::met(REQUIREMENT, format!("packets to {prefix} go out of it"))
        }
        None => Finding::warning(
            REQUIREMENT,
            format!("packets to {prefix} go nowhere: there is no route"),
        )
        .fixed_by(add),
        Some(route) => {
            let other = name_of(route.ifindex);
            let via = format!("{}/{}", route.destination, route.prefix_len);
            let found = format!("packets to {prefix} go out of {other}, by the route {via}");
            let fix = if route.prefix_len < 64 {
                add
            } else {
                format!("ip -6 route del {via} dev {other}")
            };
            Finding::warning(REQUIREMENT, found).fixed_by(fix)
        }
    }
}

/// The name, quoted for a shell, of the interface with this index.
pub(super) fn shell_name(ifindex: u32) -> String {
    let name = interfaces::name_of(ifindex);
    name.map_or_else(|| format!("interface {ifindex}"), |name| shell::interface(&name))
}

fn unreadable(error: &io::Error) -> String {
    format!("the kernel did not answer: {error}")
}
