//! Points in time. The caller reads the clock.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time on `CLOCK_BOOTTIME`, with nanosecond resolution.
///
/// This clock also advances while the host is suspended, as lifetimes do;
/// `CLOCK_MONOTONIC` does not. Changes of the wall clock do not affect it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// The point in time `elapsed` after boot.
    #[must_use]
    pub const fn from_boot(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time from boot to this point.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates at the largest representable point in time.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

/// Saturates at boot.
impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }
}
