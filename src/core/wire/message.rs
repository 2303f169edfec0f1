//! Parses received packets by the validity rules of RFC 4861, 6.1.

#[cfg(test)]
mod tests;

use core::fmt;
use core::net::Ipv6Addr;

use super::checksum::checksum;
use super::cursor::Cursor;
use super::{HOP_LIMIT, NEXT_HEADER_ICMPV6, ROUTER_ADVERTISEMENT, ROUTER_SOLICITATION};

// Extension headers that are skipped (RFC 8200, 4.1).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const DESTINATION_OPTIONS: u8 = 60;

/// Source Link-Layer Address (RFC 4861, 4.6.1).
const OPTION_SLLAO: u8 = 1;

/// A valid packet of a type that a router receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Message {
    /// A Router Solicitation (RFC 4861, 6.1.1). Its content is not needed: the
    /// answer goes to all nodes.
    Solicitation,
    /// A Router Advertisement of another router on the link (6.1.2).
    Advertisement {
        /// That router's link-local address.
        source: Ipv6Addr,
    },
}

/// Why a packet is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Rejection {
    /// Shorter than its headers state or its type requires.
    Truncated,
    /// Not IPv6, or not `ICMPv6` after the IPv6 header and the extension headers
    /// that are skipped. Fragments, even atomic ones (RFC 6980, 5), are such packets.
    NotIcmpv6,
    /// Forwarded: the hop limit is not 255.
    HopLimit,
    /// The source is multicast or loopback, or that of an advertisement is not
    /// link-local.
    Source,
    /// The checksum is wrong.
    Checksum,
    /// Neither solicitation nor advertisement.
    Type,
    /// The code is not 0.
    Code,
    /// An option of length 0, one past the end, or bytes left over.
    Option,
    /// A Source Link-Layer Address option from the unspecified address.
    UnspecifiedWithSllao,
}

impl Rejection {
    /// Every reason, in the order of their values.
    pub const ALL: [Self; 9] = [
        Self::Truncated,
        Self::NotIcmpv6,
        Self::HopLimit,
        Self::Source,
        Self::Checksum,
        Self::Type,
        Self::Code,
        Self::Option,
        Self::UnspecifiedWithSllao,
    ];

    /// A stable name for metrics and scripts.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotIcmpv6 => "not-icmpv6",
            Self::HopLimit => "hop-limit",
            Self::Source => "source",
            Self::Checksum => "checksum",
            Self::Type => "type",
            Self::Code => "code",
            Self::Option => "option",
            Self::UnspecifiedWithSllao => "unspecified-with-sllao",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "truncated",
            Self::NotIcmpv6 => "not ICMPv6",
            Self::HopLimit => "hop limit not 255",
            Self::Source => "bad source",
            Self::Checksum => "bad checksum",
            Self::Type => "other type",
            Self::Code => "code not 0",
            Self::Option => "bad option",
            Self::UnspecifiedWithSllao => "link-layer address from ::",
        })
    }
}

impl Message {
    /// Parses an IPv6 packet. Link-layer padding after it is ignored.
    ///
    /// # Errors
    /// The first rule that the packet violates.
    pub fn parse(packet: &[u8]) -> Result<Self, Rejection> {
        let mut header = Cursor::new(packet);
        let [version, ..] = header.array::<4>().ok_or(Rejection::Truncated)?;
        let length = header.u16().ok_or(Rejection::Truncated)?;
        let [next_header, hop_limit] = header.array().ok_or(Rejection::Truncated)?;
        let source = Ipv6Addr::from(header.array::<16>().ok_or(Rejection::Truncated)?);
        let destination = Ipv6Addr::from(header.array::<16>().ok_or(Rejection::Truncated)?);
        let payload = header.take(length.into()).ok_or(Rejection::Truncated)?;

        if version >> 4 != 6 {
            return Err(Rejection::NotIcmpv6);
        }
        if hop_limit != HOP_LIMIT {
            return Err(Rejection::HopLimit);
        }
        if source.is_multicast() || source.is_loopback() {
            return Err(Rejection::Source);
        }

        let message = skip_extension_headers(next_header, payload)?;
        let mut body = Cursor::new(message);
        let [kind, code] = body.array().ok_or(Rejection::Truncated)?;
        let fixed = match kind {
            ROUTER_SOLICITATION => 6,
            ROUTER_ADVERTISEMENT => 14,
            _ => return Err(Rejection::Type),
        };
        body.take(fixed).ok_or(Rejection::Truncated)?;
        if checksum(source, destination, message) != 0 {
            return Err(Rejection::Checksum);
        }
        if code != 0 {
            return Err(Rejection::Code);
        }
        let has_sllao = read_options(body)?;
        match kind {
            ROUTER_SOLICITATION if source.is_unspecified() && has_sllao => {
                Err(Rejection::UnspecifiedWithSllao)
            }
            ROUTER_SOLICITATION => Ok(Self::Solicitation),
            _ if !source.is_unicast_link_local() => Err(Rejection::Source),
            _ => Ok(Self::Advertisement { source }),
        }
    }
}

/// The `ICMPv6` message after the extension headers of `payload`; `next_header` is
/// the type of the first header in it (RFC 8200, 4).
///
/// # Errors
/// If there is no `ICMPv6` message, or a receiver would not skip one of the
/// headers. Each takes at least 8 bytes, so the loop ends.
fn skip_extension_headers(mut next_header: u8, payload: &[u8]) -> Result<&[u8], Rejection> {
    let mut rest = Cursor::new(payload);
    let mut is_first = true;
    while next_header != NEXT_HEADER_ICMPV6 {
        let kind = next_header;
        // A hop-by-hop header is allowed only in the first place (4.3).
        let is_skipped = kind == DESTINATION_OPTIONS || kind == ROUTING || kind == HOP_BY_HOP && is_first;
        if !is_skipped {
            return Err(Rejection::NotIcmpv6);
        }
        let [following, units] = rest.array().ok_or(Rejection::Truncated)?;
        let body = rest
            .take(6 + usize::from(units) * 8)
            .ok_or(Rejection::Truncated)?;
        let is_understood = if kind == ROUTING {
            // If segments are left, the packet is for another node (4.4).
            matches!(body, [_, 0, ..])
        } else {
            may_be_skipped(body)
        };
        if !is_understood {
            return Err(Rejection::NotIcmpv6);
        }
        (next_header, is_first) = (following, false);
    }
    Ok(rest.remaining())
}

/// Whether a node that knows none of these options skips them: the upper two
/// bits of the type say what it does (RFC 8200, 4.2).
fn may_be_skipped(options: &[u8]) -> bool {
    const PAD1: u8 = 0;
    let mut options = Cursor::new(options);
    while let Some(kind) = options.u8() {
        if kind == PAD1 {
            continue;
        }
        let data = options.u8().and_then(|length| options.take(length.into()));
        if kind >> 6 != 0 || data.is_none() {
            return false;
        }
    }
    true
}

/// Parses all options and returns whether one of them is a Source Link-Layer
/// Address. Unknown options are skipped (RFC 4861, 6.1.1).
fn read_options(mut options: Cursor) -> Result<bool, Rejection> {
    let mut has_sllao = false;
    while !options.is_empty() {
        let mut option = options;
        let kind = option.u8().ok_or(Rejection::Option)?;
        let length = option.u8().ok_or(Rejection::Option)?;
        if length == 0 {
            return Err(Rejection::Option);
        }
        options.take(usize::from(length) * 8).ok_or(Rejection::Option)?;
        has_sllao |= kind == OPTION_SLLAO;
    }
    Ok(has_sllao)
}
