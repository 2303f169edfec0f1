//! Prefixes of 64 bits, the only length that autora advertises.

use core::fmt;
use core::net::Ipv6Addr;

/// A prefix of 64 bits. SLAAC on Ethernet needs exactly this length (RFC 4862,
/// 5.5.3 d).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Prefix64([u16; 4]);

impl Prefix64 {
    /// The /64 that contains `address`.
    #[must_use]
    pub fn of(address: Ipv6Addr) -> Self {
        let [a, b, c, d, ..] = address.segments();
        Self([a, b, c, d])
    }

    /// The prefix as an address, whose last 64 bits are zero.
    #[must_use]
    pub fn network(self) -> Ipv6Addr {
        let [a, b, c, d] = self.0;
        Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)
    }
}

impl fmt::Display for Prefix64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/64", self.network())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_first_half_of_an_address() {
        let prefix = Prefix64::of("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(format!("{prefix}"), "2001:db8:1:2::/64");
        assert_eq!(prefix.network(), "2001:db8:1:2::".parse::<Ipv6Addr>().unwrap());
    }
}
