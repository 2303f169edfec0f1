//! autora: IPv6 Router Advertisements for one routed /64 per guest interface.
//!
//! `autora_core` decides what is sent and when; this library holds the rest of
//! the program, which `main` runs. It is no public API: what is public is what
//! `main`, the tests, the benchmark and the fuzz targets use. `ARCHITECTURE.md`
//! shows the rooms, and how a packet and a kernel event travel through them.

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

/// The package's version, where a package is built.
pub(crate) const VERSION: &str = match option_env!("AUTORA_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
