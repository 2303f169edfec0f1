//! A captured Router Advertisement, decoded by smoltcp, which is independent of
//! the daemon.

use std::fmt;
use std::net::Ipv6Addr;
use std::time::Duration;

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Packet, NdiscPrefixInfoFlags,
    NdiscRepr, NdiscRouterFlags,
};

use super::capture::Frame;

#[derive(Clone)]
pub struct Ra {
    pub at: Duration,
    pub source: Ipv6Addr,
    pub router_lifetime: u64,
    pub prefix: Ipv6Addr,
    pub valid: u64,
    pub preferred: u64,
    /// The `ICMPv6` message.
    pub message: Vec<u8>,
    frame: Vec<u8>,
}

impl fmt::Debug for Ra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RA at {:.3?} from {}: router lifetime {}, {}/64 valid {} preferred {}",
            self.at, self.source, self.router_lifetime, self.prefix, self.valid, self.preferred
        )
    }
}

impl Ra {
    /// `None` if it is not a Router Advertisement.
    pub fn of(frame: &Frame) -> Option<Self> {
        if !frame.is_ra() {
            return None;
        }
        let ethernet = EthernetFrame::new_checked(&frame.bytes[..]).unwrap();
        let ip = Ipv6Packet::new_checked(ethernet.payload()).unwrap();
        let icmp = Icmpv6Packet::new_checked(ip.payload()).unwrap();
        let checksums = ChecksumCapabilities::default();
        let parsed = Icmpv6Repr::parse(&ip.src_addr(), &ip.dst_addr(), &icmp, &checksums);
        let Ok(Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            router_lifetime,
            prefix_info,
            ..
        })) = parsed
        else {
            panic!("malformed, {parsed:?}: {:02x?}", frame.bytes);
        };
        let prefix = prefix_info?;
        Some(Self {
            at: frame.at,
            source: ip.src_addr(),
            router_lifetime: router_lifetime.secs(),
            prefix: prefix.prefix,
            valid: prefix.valid_lifetime.secs(),
            preferred: prefix.preferred_lifetime.secs(),
            message: ip.payload().to_vec(),
            frame: frame.bytes.clone(),
        })
    }

    /// Checks the values that are the same in every RA of this daemon.
    pub fn assert_form(&self) {
        let ethernet = EthernetFrame::new_checked(&self.frame[..]).unwrap();
        let all_nodes = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
        assert_eq!(ethernet.dst_addr(), all_nodes);
        let ip = Ipv6Packet::new_checked(ethernet.payload()).unwrap();
        assert_eq!(ip.dst_addr().to_string(), "ff02::1");
        assert!(ip.src_addr().is_unicast_link_local(), "{self:?}");
        assert_eq!(ip.hop_limit(), 255);
        assert_eq!(ip.next_header(), IpProtocol::Icmpv6);
        assert_eq!(self.message.len(), 48);
        assert_eq!(self.message[1], 0, "code");
        assert_eq!(self.message[5], 0, "M, O, preference, reserved bits");

        let icmp = Icmpv6Packet::new_checked(ip.payload()).unwrap();
        let checksums = ChecksumCapabilities::default();
        let parsed = Icmpv6Repr::parse(&ip.src_addr(), &ip.dst_addr(), &icmp, &checksums);
        let Ok(Icmpv6Repr::Ndisc(NdiscRepr::RouterAdvert {
            hop_limit,
            flags,
            reachable_time,
            retrans_time,
            lladdr,
            mtu,
            prefix_info: Some(prefix),
            ..
        })) = parsed
        else {
            panic!("malformed, {parsed:?}: {self:?}");
        };
        assert_eq!(hop_limit, 0);
        assert_eq!(flags, NdiscRouterFlags::empty());
        assert_eq!(reachable_time.total_millis(), 0);
        assert_eq!(retrans_time.total_millis(), 0);
        assert_eq!((lladdr, mtu), (None, None));
        assert_eq!(prefix.prefix_len, 64);
        assert_eq!(prefix.flags, NdiscPrefixInfoFlags::ADDRCONF);
        assert_eq!(prefix.prefix.segments()[4..], [0; 4], "host bits");
        assert!(prefix.preferred_lifetime <= prefix.valid_lifetime);
    }
}
