//! Encodes rtnetlink requests (rtnetlink(7), `linux/rtnetlink.h`).

use autora_core::interface_name::IfName;
use nix::libc;

use super::message::{HEADER_LEN, INET6, RTA_OIF, SEQUENCE_AT};

// Values that the libc crate does not have for every target.
pub(super) const RTM_F_FIB_MATCH: u32 = 0x2000;
pub(super) const RTM_NEWNEIGHTBL: u16 = 64;
const RTM_GETNEIGHTBL: u16 = 66;
const NDA_IFINDEX: u16 = 8;

/// A request that can be sent repeatedly, each time with a new sequence number.
#[derive(Debug)]
pub(super) struct Request {
    bytes: Vec<u8>,
    dump: bool,
}

impl Request {
    pub(super) fn new(kind: u16, dump: bool, body: &[u8]) -> Self {
        let flags = libc::NLM_F_REQUEST | if dump { libc::NLM_F_DUMP } else { 0 };
        let len = u32::try_from(HEADER_LEN + body.len()).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
        bytes.extend(len.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(u16::try_from(flags).unwrap_or_default().to_ne_bytes());
        bytes.extend([0; 8]); // sequence number; port, which the kernel sets
        bytes.extend(body);
        Self { bytes, dump }
    }

    /// The link record of one interface.
    pub(super) fn link(ifindex: u32) -> Self {
        let mut body = vec![0; 16];
        body.splice(4..8, ifindex.to_ne_bytes());
        Self::new(libc::RTM_GETLINK, false, &body)
    }

    /// The link record of the interface that is called `name`.
    pub(super) fn link_called(name: &IfName) -> Self {
        let mut body = vec![0; 16];
        let text = name.as_bytes().iter().copied().chain([0]);
        put(&mut body, libc::IFLA_IFNAME, text);
        Self::new(libc::RTM_GETLINK, false, &body)
    }

    /// The IPv6 addresses of one interface. `NETLINK_GET_STRICT_CHK` makes
    /// the kernel respect the index.
    pub(super) fn addresses(ifindex: u32) -> Self {
        let mut body = vec![INET6, 0, 0, 0];
        body.extend(ifindex.to_ne_bytes());
        Self::new(libc::RTM_GETADDR, true, &body)
    }

    /// All IPv6 routes of all tables out of one interface; heeded like the index above.
    pub(super) fn routes(ifindex: u32) -> Self {
        let mut body = vec![0; 12];
        body.splice(0..1, [INET6]);
        put(&mut body, RTA_OIF, ifindex.to_ne_bytes());
        Self::new(libc::RTM_GETROUTE, true, &body)
    }

    /// The IPv6 neighbours on one interface, or on all; heeded like the index above.
    pub(super) fn neighbours(ifindex: Option<u32>) -> Self {
        let mut body = vec![0; 12];
        body.splice(0..1, [INET6]);
        // Strict checking refuses the index in the header.
        if let Some(ifindex) = ifindex {
            put(&mut body, NDA_IFINDEX, ifindex.to_ne_bytes());
        }
        Self::new(libc::RTM_GETNEIGH, true, &body)
    }

    /// The size of the IPv6 neighbour table.
    pub(super) fn neighbour_table() -> Self {
        Self::new(RTM_GETNEIGHTBL, true, &[INET6, 0, 0, 0])
    }

    /// The settings `net.ipv6.conf.all`.
    pub(super) fn all_settings() -> Self {
        const NETCONFA_IFINDEX: u16 = 1;
        const NETCONFA_IFINDEX_ALL: u32 = u32::MAX; // -1
        let mut body = vec![INET6, 0, 0, 0];
        put(&mut body, NETCONFA_IFINDEX, NETCONFA_IFINDEX_ALL.to_ne_bytes());
        Self::new(libc::RTM_GETNETCONF, false, &body)
    }

    /// The message with the number `sequence`.
    pub(super) fn numbered(&mut self, sequence: u32) -> &[u8] {
        if let Some(field) = self.bytes.get_mut(SEQUENCE_AT..SEQUENCE_AT + 4) {
            field.copy_from_slice(&sequence.to_ne_bytes());
        }
        &self.bytes
    }

    pub(super) fn is_dump(&self) -> bool {
        self.dump
    }
}

/// Appends an attribute, padded to a multiple of four bytes.
fn put(body: &mut Vec<u8>, kind: u16, value: impl IntoIterator<Item = u8>) {
    let begin = body.len();
    body.extend([0, 0]);
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    let len = u16::try_from(body.len() - begin).unwrap_or(u16::MAX);
    if let Some(field) = body.get_mut(begin..begin + 2) {
        field.copy_from_slice(&len.to_ne_bytes());
    }
    body.resize(body.len().next_multiple_of(4), 0);
}
