//! A guest of smoltcp on a tap: `smoltcp-guest TAP`. It prints its addresses and default routers whenever they change,
//! as a line of JSON, and answers echo requests.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;

use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface, wait};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv6Address};

const MAC: EthernetAddress = EthernetAddress([0x02, 0x00, 0x5e, 0x00, 0x02, 0x02]);
/// smoltcp leaves the link-local address to its user.
const LINK_LOCAL: Ipv6Address = Ipv6Address::new(0xfe80, 0, 0, 0, 0x0000, 0x5eff, 0xfe00, 0x0202);

fn main() {
    let tap = std::env::args().nth(1).expect("the name of a tap");
    let mut device = TunTapInterface::new(&tap, Medium::Ethernet).expect("the tap opens");
    let fd = device.as_raw_fd();
    let mut config = Config::new(MAC.into());
    config.slaac = true;
    let mut interface = Interface::new(config, &mut device, Instant::now());
    interface.update_ip_addrs(|addresses| {
        addresses
            .push(IpCidr::new(IpAddress::Ipv6(LINK_LOCAL), 64))
            .expect("the first address has room");
    });
    let mut sockets = SocketSet::new(Vec::new());
    let mut shown = String::new();
    loop {
        let now = Instant::now();
        interface.poll(now, &mut device, &mut sockets);
        let state = state(&mut interface);
        if state != shown {
            println!("{state}");
            shown = state;
        }
        let longest = Duration::from_millis(100);
        let delay = interface
            .poll_delay(now, &sockets)
            .map_or(longest, |delay| delay.min(longest));
        wait(fd, Some(delay)).expect("the tap can be waited for");
    }
}

/// smoltcp has no deprecated addresses: those that it has are all in use.
fn state(interface: &mut Interface) -> String {
    let addresses: BTreeMap<_, _> = interface
        .ip_addrs()
        .iter()
        .map(|cidr| (cidr.address().to_string(), "preferred"))
        .collect();
    let mut routers = Vec::new();
    interface.routes_mut().update(|routes| {
        let default = routes.iter().filter(|route| route.cidr.prefix_len() == 0);
        routers.extend(default.map(|route| route.via_router.to_string()));
    });
    format!(r#"{{"addresses": {addresses:?}, "routers": {routers:?}}}"#)
}
