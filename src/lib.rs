//! autora: IPv6 Router Advertisements for one routed /64 per guest interface.
//!
//! `autora_core` decides what is sent and when; this library is the rest of the
//! program, which `main` runs. It is not a public API: only what `main`, the
//! tests, the benchmark and the fuzz targets use is public. `ARCHITECTURE.md`
//! describes the rooms, and the path of a packet and of a kernel event.

#![warn(unreachable_pub)]

pub mod advice;
pub mod cli;
pub mod commands;
pub mod config;
pub mod daemon;
pub mod exit;
pub mod kernel;
pub mod state_file;
pub mod systemd;

/// The package's version if this is built as a package, else the crate's.
pub(crate) const VERSION: &str = match option_env!("AUTORA_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
