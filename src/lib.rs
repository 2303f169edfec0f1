//! autora: IPv6 Router Advertisements for one routed /64 per guest interface.
//!
//! The library holds the whole program, so that its pure parts (the wire
//! codec, the eligibility rule, the router state machine, the configuration)
//! can be tested and fuzzed without an interface. `ARCHITECTURE.md` shows how
//! a packet and a kernel event travel through the modules.

mod bpf;
pub mod budget;
pub mod check;
pub mod claim;
pub mod cli;
pub mod command;
pub mod config;
pub mod counters;
pub mod daemon;
pub mod dry_run;
pub mod eligibility;
pub mod environment_file;
pub mod exit;
pub mod foreign;
pub mod ifname;
pub mod interfaces;
pub mod lifetime;
pub mod link;
pub mod logging;
pub mod matching;
pub mod message_id;
pub mod pattern;
pub mod prefix;
pub mod privilege;
pub mod publication;
pub mod router;
pub mod rtnetlink;
pub mod service;
pub mod settings_files;
mod snmp6;
pub mod socket;
pub mod status;
pub mod systemd;
pub mod terminal;
pub mod time;
pub mod transport;
pub mod wire;

/// The package's version, where a package is built.
pub const VERSION: &str = match option_env!("AUTORA_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
