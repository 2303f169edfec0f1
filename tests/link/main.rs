//! Link tests: autora on a real veth pair in private namespaces. The guest is
//! the Linux kernel, and its addresses and routes show the result.
//!
//! They need no root, only user namespaces, iproute2, nftables, and radvd for
//! the test with another daemon. A test fails if a tool is missing.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod harness;

mod check;
mod claim;
mod cli;
mod dry_run;
mod eligibility;
mod failures;
mod guest;
mod identity;
mod service;
mod settings;
mod slow_readers;
mod solicited;
mod source;
mod status;
mod timing;
mod uplink;
mod withdrawal;
