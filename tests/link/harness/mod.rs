//! The test harness: namespaces, the daemon, the capture, the guest.

pub mod advertisement;
pub mod agent;
pub mod capture;
pub mod daemon;
pub mod feed;
pub mod lab;
pub mod namespace;
pub mod notify;
pub mod solicitation;

use std::time::Duration;

pub use advertisement::Ra;
pub use agent::Agent;
pub use capture::Capture;
pub use daemon::{Autora, Daemon};
pub use lab::{GUEST, Lab, TAP};
pub use solicitation::Rs;

/// `MIN_DELAY_BETWEEN_RAS` (RFC 4861, 10).
pub const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);

/// `MAX_RA_DELAY_TIME` (RFC 4861, 10).
pub const MAX_RA_DELAY_TIME: Duration = Duration::from_millis(500);

/// How much a busy machine may exceed an upper limit of the RFC.
pub const NOISE: Duration = Duration::from_millis(300);

/// A time limit for events whose speed is not tested.
pub const SOON: Duration = Duration::from_secs(6);

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}
