//! Whether packets to the guest are routed to its interface.

use std::net::Ipv6Addr;

use autora_core::interface_name::IfName;
use autora_core::prefix::Prefix64;

use super::finding::Finding;
use crate::advice::shell;
use crate::kernel::interfaces;
use crate::kernel::rtnetlink::lookup::{Route, route_to};

const REQUIREMENT: &str = "route to the /64";

/// An address that a guest may form in `prefix`, from a MAC address for
/// documentation (RFC 7042, 2.1.2). The host does not have it.
#[must_use]
pub(super) fn guest_address(prefix: Prefix64) -> Ipv6Addr {
    let [a, b, c, d, ..] = prefix.network().segments();
    Ipv6Addr::new(a, b, c, d, 0x0200, 0x5eff, 0xfe00, 0x5301)
}

/// Looks up where packets to a guest in `prefix` go, and compares with the interface.
pub(super) fn finding(prefix: Prefix64, ifindex: u32, name: &IfName) -> Finding {
    match route_to(guest_address(prefix)) {
        Ok(route) => evaluate(prefix, name, ifindex, route, &shell_name),
        Err(error) => Finding::unknown(REQUIREMENT, format!("cannot query the kernel: {error}")),
    }
}

fn evaluate(
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
        None => {
            Finding::warning(REQUIREMENT, format!("there is no route for packets to {prefix}")).fixed_by(add)
        }
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
