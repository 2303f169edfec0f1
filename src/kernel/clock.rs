//! The only place that reads a clock for the daemon.

use std::time::Duration;

use autora_core::time::Instant;
use nix::time::{ClockId, clock_gettime};

/// The current time on `CLOCK_BOOTTIME`.
///
/// # Panics
/// Never: the clock exists since Linux 2.6.39.
#[must_use]
pub(crate) fn now() -> Instant {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("CLOCK_BOOTTIME exists since Linux 2.6.39");
    Instant::from_boot(Duration::from(now))
}
