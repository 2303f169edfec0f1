//! Lifetimes as packets and the kernel's address records encode them.

use core::fmt;
use core::time::Duration;

use crate::time::Instant;

/// A number of seconds from 0 to 4294967294, or infinity, which is encoded as
/// all ones (RFC 4861, 4.6.2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lifetime(u32);

impl Lifetime {
    /// Expired.
    pub const ZERO: Self = Self(0);
    /// Never expires.
    pub const INFINITE: Self = Self(u32::MAX);

    /// Decodes the 32 bits of a packet, in host byte order, or of a
    /// `struct ifa_cacheinfo` (`linux/if_addr.h`).
    #[must_use]
    pub const fn from_bits(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The 32 bits of a packet, in host byte order.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// The lower bound of a remaining lifetime that the kernel reports. The
    /// kernel rounds the elapsed seconds down, so it reports up to one second
    /// too much. Infinity stays infinity.
    #[must_use]
    pub fn lower_bound(self) -> Self {
        match self {
            Self::INFINITE => Self::INFINITE,
            Self(seconds) => Self(seconds.saturating_sub(1)),
        }
    }

    /// The whole seconds of `duration`, rounded up.
    #[must_use]
    pub fn from_duration(duration: Duration) -> Self {
        let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
        Self(u32::try_from(seconds).unwrap_or(u32::MAX))
    }

    /// The time from `now` to `end`, rounded down to seconds; zero if `end` has
    /// passed. `None` means infinity. A finite time never becomes infinity.
    #[must_use]
    pub fn between(now: Instant, end: Option<Instant>) -> Self {
        let Some(end) = end else {
            return Self::INFINITE;
        };
        let seconds = end.saturating_since(now).as_secs();
        Self(u32::try_from(seconds).map_or(u32::MAX - 1, |s| s.min(u32::MAX - 1)))
    }

    /// When it expires if it starts at `now`; `None` if never.
    #[must_use]
    pub fn end(self, now: Instant) -> Option<Instant> {
        (self != Self::INFINITE).then(|| now + Duration::from_secs(u64::from(self.0)))
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::INFINITE {
            f.write_str("forever")
        } else {
            write!(f, "{}s", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finite_time_never_becomes_infinity() {
        let now = Instant::from_boot(Duration::from_secs(5));
        let far = now + Duration::from_secs(u64::from(u32::MAX));
        assert_eq!(Lifetime::between(now, Some(far)).to_bits(), u32::MAX - 1);
        let farther = far + Duration::from_secs(9);
        assert_eq!(Lifetime::between(now, Some(farther)).to_bits(), u32::MAX - 1);
        assert_eq!(Lifetime::between(now, None), Lifetime::INFINITE);
        assert_eq!(Lifetime::between(far, Some(now)), Lifetime::ZERO);
        assert_eq!(Lifetime::INFINITE.end(now), None);
    }

    #[test]
    fn seconds_are_rounded_down() {
        let now = Instant::from_boot(Duration::ZERO);
        let end = now + Duration::from_millis(2999);
        assert_eq!(Lifetime::between(now, Some(end)).to_bits(), 2);
    }

    #[test]
    fn seconds_of_a_duration_are_rounded_up() {
        for (milliseconds, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2), (u64::MAX, u32::MAX)] {
            let lifetime = Lifetime::from_duration(Duration::from_millis(milliseconds));
            assert_eq!(lifetime.to_bits(), seconds, "{milliseconds} ms");
        }
    }

    #[test]
    fn infinity_has_a_word() {
        let texts = [Lifetime::INFINITE, Lifetime::from_bits(7)].map(|l| alloc::format!("{l}"));
        assert_eq!(texts, ["forever", "7s"]);
    }
}
