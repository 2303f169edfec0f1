//! Router Solicitations, valid and invalid, as a guest's frames.

use std::net::Ipv6Addr;

use super::lab::GUEST_LL;

const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
const GUEST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Source Link-Layer Address option (RFC 4861, 4.6.1).
pub const SLLAO: [u8; 8] = [1, 1, 2, 0, 0, 0, 0, 2];

#[derive(Clone)]
pub struct Rs {
    /// 133, 134 for a guest that claims to be a router, or 136 for one that claims an address.
    pub kind: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
    pub hop_limit: u8,
    pub code: u8,
    pub reserved: [u8; 4],
    pub options: Vec<u8>,
    pub checksum_good: bool,
    /// The kind of the first extension header, and all of them.
    pub extension: Option<(u8, Vec<u8>)>,
    pub vlan: bool,
}

impl Default for Rs {
    /// A valid one, as Linux sends it.
    fn default() -> Self {
        Self {
            kind: 133,
            source: GUEST_LL,
            destination: ALL_ROUTERS,
            hop_limit: 255,
            code: 0,
            reserved: [0; 4],
            options: SLLAO.to_vec(),
            checksum_good: true,
            extension: None,
            vlan: false,
        }
    }
}

impl Rs {
    pub fn frame(&self) -> Vec<u8> {
        let mut message = vec![self.kind, self.code, 0, 0];
        message.extend(self.reserved);
        message.extend(&self.options);
        let mut checksum = checksum(self.source, self.destination, &message);
        if !self.checksum_good {
            checksum ^= 0x0100;
        }
        message[2..4].copy_from_slice(&checksum.to_be_bytes());

        let (next_header, mut payload) = self.extension.clone().unwrap_or((58, Vec::new()));
        payload.extend(message);

        let mut frame = vec![0x33, 0x33];
        frame.extend(&self.destination.octets()[12..]);
        frame.extend(GUEST_MAC);
        if self.vlan {
            frame.extend([0x81, 0x00, 0x00, 0x05]);
        }
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        frame.push(next_header);
        frame.push(self.hop_limit);
        frame.extend(self.source.octets());
        frame.extend(self.destination.octets());
        frame.extend(payload);
        frame
    }
}

/// The frame in which a node answers that it has the address that `frame` asks
/// for in duplicate address detection (RFC 4862, 5.4.4); `None` if it does not.
pub fn defend(frame: &[u8]) -> Option<Vec<u8>> {
    let is_detection = frame.get(12..14)? == [0x86, 0xdd]
        && frame.get(20) == Some(&58)
        && frame.get(54) == Some(&135)
        && frame.get(22..38)? == [0; 16];
    let target = frame.get(62..78)?;
    let advertisement = Rs {
        kind: 136,
        source: <[u8; 16]>::try_from(target).ok()?.into(),
        destination: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
        // The override flag.
        reserved: [0x20, 0, 0, 0],
        // Target Link-Layer Address.
        options: [target, &[2, 1], &GUEST_MAC].concat(),
        ..Rs::default()
    };
    is_detection.then(|| advertisement.frame())
}

/// RFC 4443, 2.3, with the pseudo-header of RFC 8200, 8.1.
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let mut data = source.octets().to_vec();
    data.extend(destination.octets());
    data.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    data.extend([0, 0, 0, 58]);
    data.extend(message);
    let words = data.chunks(2).map(|pair| {
        let low = pair.get(1).copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([pair[0], low]))
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}
