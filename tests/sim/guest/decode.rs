//! One frame, read as a host reads it: every check an IPv6 host makes before it
//! believes a Router Advertisement, and nothing from the code that builds one.

use std::net::Ipv6Addr;

const ETHERTYPE_IPV6: u16 = 0x86dd;
/// 33:33 and the low 32 bits of ff02::1 (RFC 2464 section 7).
const ALL_NODES_ETHERNET: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const DESTINATION_OPTIONS: u8 = 60;

const ROUTER_ADVERTISEMENT: u8 = 134;
/// The length of an advertisement without options (RFC 4861 section 4.2).
const SHORTEST: usize = 16;

const SOURCE_LINK_LAYER: u8 = 1;
const PREFIX_INFORMATION: u8 = 3;
const MTU: u8 = 5;

/// How frames come off the link, and who the guest is on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ethernet II frames to a guest with this address (RFC 2464).
    Ethernet { mac: [u8; 6] },
    /// Bare IPv6 packets, as a tun device passes them.
    Tun { interface_id: u64 },
}

impl Link {
    /// The interface identifier: what is configured, or the modified EUI-64 of
    /// the Ethernet address (RFC 2464 section 4).
    pub fn interface_id(self) -> u64 {
        match self {
            Self::Ethernet {
                mac: [a, b, c, d, e, f],
            } => u64::from_be_bytes([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f]),
            Self::Tun { interface_id } => interface_id,
        }
    }
}

/// A Router Advertisement that a host accepts (RFC 4861 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The source address, which is the router's name in every list.
    pub router: Ipv6Addr,
    pub destination: Ipv6Addr,
    /// The source in the Ethernet header; none on a tun device.
    pub link_source: Option<[u8; 6]>,
    pub cur_hop_limit: u8,
    pub managed: bool,
    pub other: bool,
    pub preference: Preference,
    /// Seconds; above 9000 is as good as any other (RFC 8319 section 4).
    pub router_lifetime: u16,
    pub reachable_time: u32,
    pub retrans_timer: u32,
    pub source_link_layer: Option<[u8; 6]>,
    pub mtu: Option<u32>,
    /// In the order of the message, whatever a host then makes of them.
    pub prefixes: Vec<Prefix>,
    /// The types of the options that this host does not know.
    pub unknown: Vec<u8>,
    /// Bytes after the end of the IPv6 packet, which a host does not look at.
    pub trailing: usize,
}

/// The router preference of RFC 4191 section 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Preference {
    Low,
    Medium,
    High,
}

/// A Prefix Information option (RFC 4861 section 4.6.2), lifetimes in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// All 128 bits as they were sent.
    pub prefix: Ipv6Addr,
    pub length: u8,
    pub on_link: bool,
    pub autonomous: bool,
    pub valid: u32,
    pub preferred: u32,
}

impl Prefix {
    /// The prefix without the bits after its length, which the receiver ignores.
    pub fn network(&self) -> Ipv6Addr {
        let host_bits = u128::MAX.checked_shr(u32::from(self.length)).unwrap_or(0);
        Ipv6Addr::from_bits(self.prefix.to_bits() & !host_bits)
    }
}

/// Why the host takes no notice of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// The frame ends before a header does, or before the IPv6 payload length says.
    Truncated,
    /// The ethertype or the version is not that of IPv6.
    NotIpv6,
    /// Neither the all-nodes group nor an address of this guest, on either layer.
    NotForGuest,
    /// The next header that is not ICMPv6.
    NotIcmpv6(u8),
    /// Neighbor Discovery in fragments, even in a single one (RFC 6980 section 5).
    Fragmented,
    /// Another ICMPv6 type.
    NotAdvertisement(u8),
    /// RFC 4861 section 6.1.2: the source has to be link-local.
    Source(Ipv6Addr),
    /// RFC 4861 section 6.1.2: only 255 shows that no router forwarded it.
    HopLimit(u8),
    /// RFC 4861 section 6.1.2: the ICMPv6 checksum (RFC 4443 section 2.3).
    Checksum,
    /// RFC 4861 section 6.1.2: the code has to be 0.
    Code(u8),
    /// RFC 4861 section 6.1.2: fewer than 16 octets of ICMPv6.
    Short(usize),
    /// RFC 4861 section 6.1.2: the option of this type has length 0.
    EmptyOption(u8),
    /// The last option reaches beyond the message.
    OptionOverrun,
    /// RFC 4861 sections 4.6.1, 4.6.2, 4.6.4: not the length this type has. Section
    /// 6.1.2 does not ask for it, but hosts need not agree on what it then says.
    OptionLength { kind: u8, units: u8 },
    /// RFC 4861 section 4.6.2: a prefix of more than 128 bits.
    PrefixLength(u8),
}

/// Reads `frame` for the guest on `link` that also has the addresses `own`.
pub fn decode(link: Link, own: &[Ipv6Addr], frame: &[u8]) -> Result<Heard, Invalid> {
    let mut rest = frame;
    let link_source = match link {
        Link::Ethernet { mac } => Some(ethernet(mac, &mut rest)?),
        Link::Tun { .. } => None,
    };
    let packet = Packet::read(rest)?;
    if packet.destination != ALL_NODES && !own.contains(&packet.destination) {
        return Err(Invalid::NotForGuest);
    }
    let message = packet.icmpv6()?;
    match message.first() {
        Some(&ROUTER_ADVERTISEMENT) => {}
        Some(&other) => return Err(Invalid::NotAdvertisement(other)),
        None => return Err(Invalid::Short(0)),
    }
    packet.validate(message)?;
    let mut heard = packet.advertisement(message)?;
    heard.link_source = link_source;
    Ok(heard)
}

/// Takes the Ethernet header off and returns its source (RFC 2464 section 3).
///
/// A multicast packet in a frame to the guest alone is heard too (RFC 6085).
fn ethernet(mac: [u8; 6], frame: &mut &[u8]) -> Result<[u8; 6], Invalid> {
    let destination: [u8; 6] = take(frame).ok_or(Invalid::Truncated)?;
    let source = take(frame).ok_or(Invalid::Truncated)?;
    let ethertype = u16::from_be_bytes(take(frame).ok_or(Invalid::Truncated)?);
    if destination != ALL_NODES_ETHERNET && destination != mac {
        return Err(Invalid::NotForGuest);
    }
    if ethertype != ETHERTYPE_IPV6 {
        return Err(Invalid::NotIpv6);
    }
    Ok(source)
}

/// An IPv6 packet (RFC 8200 section 3).
struct Packet<'a> {
    next_header: u8,
    hop_limit: u8,
    source: Ipv6Addr,
    destination: Ipv6Addr,
    payload: &'a [u8],
    trailing: usize,
}

impl<'a> Packet<'a> {
    fn read(mut rest: &'a [u8]) -> Result<Self, Invalid> {
        let [version, _, _, _, length @ .., next_header, hop_limit]: [u8; 8] =
            take(&mut rest).ok_or(Invalid::Truncated)?;
        if version >> 4 != 6 {
            return Err(Invalid::NotIpv6);
        }
        let source: [u8; 16] = take(&mut rest).ok_or(Invalid::Truncated)?;
        let destination: [u8; 16] = take(&mut rest).ok_or(Invalid::Truncated)?;
        let length = usize::from(u16::from_be_bytes(length));
        let (payload, trailing) = rest.split_at_checked(length).ok_or(Invalid::Truncated)?;
        Ok(Self {
            next_header,
            hop_limit,
            source: source.into(),
            destination: destination.into(),
            payload,
            trailing: trailing.len(),
        })
    }

    /// The ICMPv6 message, behind options that a host only steps over.
    fn icmpv6(&self) -> Result<&'a [u8], Invalid> {
        let mut next_header = self.next_header;
        let mut rest = self.payload;
        loop {
            match next_header {
                ICMPV6 => return Ok(rest),
                FRAGMENT => return Err(Invalid::Fragmented),
                HOP_BY_HOP | DESTINATION_OPTIONS => {
                    let &[following, units] = rest.first_chunk().ok_or(Invalid::Truncated)?;
                    rest = rest
                        .get(8 * (usize::from(units) + 1)..)
                        .ok_or(Invalid::Truncated)?;
                    next_header = following;
                }
                other => return Err(Invalid::NotIcmpv6(other)),
            }
        }
    }

    /// RFC 4861 section 6.1.2, except for the options.
    fn validate(&self, message: &[u8]) -> Result<(), Invalid> {
        if !self.source.is_unicast_link_local() {
            return Err(Invalid::Source(self.source));
        }
        if self.hop_limit != 255 {
            return Err(Invalid::HopLimit(self.hop_limit));
        }
        if !self.checksum_is_valid(message) {
            return Err(Invalid::Checksum);
        }
        match message.get(1) {
            Some(0) if message.len() >= SHORTEST => Ok(()),
            Some(&code) if code != 0 => Err(Invalid::Code(code)),
            _ => Err(Invalid::Short(message.len())),
        }
    }

    /// RFC 4443 section 2.3, with the pseudo-header of RFC 8200 section 8.1.
    ///
    /// A ones' complement sum that is all ones is a multiple of 0xffff. It cannot
    /// be zero, because the pseudo-header is not.
    fn checksum_is_valid(&self, message: &[u8]) -> bool {
        let words = |bytes: &[u8]| -> u64 {
            let (pairs, last) = bytes.split_at(bytes.len() & !1);
            let pairs = pairs.chunks_exact(2).map(|pair| {
                pair.first_chunk()
                    .map_or(0, |&pair| u64::from(u16::from_be_bytes(pair)))
            });
            pairs.sum::<u64>() + last.first().map_or(0, |&byte| u64::from(byte) << 8)
        };
        let pseudo_header = words(&self.source.octets())
            + words(&self.destination.octets())
            + message.len() as u64
            + u64::from(ICMPV6);
        (pseudo_header + words(message)) % 0xffff == 0
    }

    /// RFC 4861 section 4.2, with the preference of RFC 4191 section 2.2.
    fn advertisement(&self, message: &[u8]) -> Result<Heard, Invalid> {
        let short = Invalid::Short(message.len());
        let mut rest = message;
        let [_, _, _, _, cur_hop_limit, flags, router_lifetime @ ..]: [u8; 8] =
            take(&mut rest).ok_or(short)?;
        let router_lifetime = u16::from_be_bytes(router_lifetime);
        let mut heard = Heard {
            router: self.source,
            destination: self.destination,
            link_source: None,
            cur_hop_limit,
            managed: flags & 0x80 != 0,
            other: flags & 0x40 != 0,
            preference: match flags & 0x18 {
                // Without a lifetime the receiver ignores the preference.
                _ if router_lifetime == 0 => Preference::Medium,
                0x08 => Preference::High,
                0x18 => Preference::Low,
                // 10 is reserved, and read as 00.
                _ => Preference::Medium,
            },
            router_lifetime,
            reachable_time: u32::from_be_bytes(take(&mut rest).ok_or(short)?),
            retrans_timer: u32::from_be_bytes(take(&mut rest).ok_or(short)?),
            source_link_layer: None,
            mtu: None,
            prefixes: Vec::new(),
            unknown: Vec::new(),
            trailing: self.trailing,
        };
        while !rest.is_empty() {
            let &[kind, units] = rest.first_chunk().ok_or(Invalid::OptionOverrun)?;
            if units == 0 {
                return Err(Invalid::EmptyOption(kind));
            }
            let (option, following) = rest
                .split_at_checked(8 * usize::from(units))
                .ok_or(Invalid::OptionOverrun)?;
            heard.option(kind, units, option)?;
            rest = following;
        }
        Ok(heard)
    }
}

impl Heard {
    /// One option, its type and length included (RFC 4861 section 4.6). What is
    /// not known is ignored (sections 4.2, 6.1.2).
    fn option(&mut self, kind: u8, units: u8, option: &[u8]) -> Result<(), Invalid> {
        let wrong = Invalid::OptionLength { kind, units };
        match kind {
            SOURCE_LINK_LAYER => {
                let &[_, _, address @ ..] = exactly::<8>(option).ok_or(wrong)?;
                self.source_link_layer = Some(address);
            }
            MTU => {
                let &[_, _, _, _, mtu @ ..] = exactly::<8>(option).ok_or(wrong)?;
                self.mtu = Some(u32::from_be_bytes(mtu));
            }
            PREFIX_INFORMATION => {
                let mut rest = exactly::<32>(option).ok_or(wrong)?.as_slice();
                let [_, _, length, flags] = take(&mut rest).ok_or(wrong)?;
                let valid = u32::from_be_bytes(take(&mut rest).ok_or(wrong)?);
                let preferred = u32::from_be_bytes(take(&mut rest).ok_or(wrong)?);
                let _reserved: [u8; 4] = take(&mut rest).ok_or(wrong)?;
                let prefix: [u8; 16] = take(&mut rest).ok_or(wrong)?;
                if length > 128 {
                    return Err(Invalid::PrefixLength(length));
                }
                self.prefixes.push(Prefix {
                    prefix: prefix.into(),
                    length,
                    on_link: flags & 0x80 != 0,
                    autonomous: flags & 0x40 != 0,
                    valid,
                    preferred,
                });
            }
            other => self.unknown.push(other),
        }
        Ok(())
    }
}

fn exactly<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.try_into().ok()
}

/// Takes the next `N` bytes off the front.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}
