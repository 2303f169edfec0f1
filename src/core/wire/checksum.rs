//! The Internet checksum over an `ICMPv6` message and its pseudo-header.

use core::net::Ipv6Addr;

use super::NEXT_HEADER_ICMPV6;

/// The complement of the sum (RFC 4443, 2.3; RFC 8200, 8.1). If the checksum
/// field of `message` is zero, this is the value to write there; if it holds
/// the correct checksum, this is zero.
pub(super) fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let words = |bytes: &[u8]| -> u64 {
        bytes
            .chunks(2)
            .map(|chunk| match *chunk {
                [high, low] => u64::from(u16::from_be_bytes([high, low])),
                [high] => u64::from(u16::from_be_bytes([high, 0])),
                _ => 0,
            })
            .sum()
    };
    // In any real packet the length and the next header are one word each; a
    // larger length is folded.
    let mut sum = words(&source.octets())
        + words(&destination.octets())
        + message.len() as u64
        + u64::from(NEXT_HEADER_ICMPV6)
        + words(message);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_length_is_padded_with_zero() {
        let (source, destination) = (Ipv6Addr::LOCALHOST, super::super::ALL_NODES);
        let even = checksum(source, destination, &[133, 0, 0, 0, 7, 0]);
        let odd = checksum(source, destination, &[133, 0, 0, 0, 7]);
        // Only the length in the pseudo-header differs, by one.
        assert_eq!(odd, even + 1);
    }
}
