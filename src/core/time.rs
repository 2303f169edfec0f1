//! Points in time, given by the caller.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time on `CLOCK_BOOTTIME`, in nanoseconds since boot.
///
/// Lifetimes run on while a host is suspended, so the monotonic clock would
/// be wrong, and steps of the wall clock must change nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(Duration);

impl Instant {
    /// The point that lies `elapsed` after boot.
    #[must_use]
    pub const fn from_boot(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after boot this point lies.
    #[must_use]
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Saturates at the largest representable point.
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
