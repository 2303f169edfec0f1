//! Link tests: autora on a real veth pair in private namespaces, where the
//! Linux kernel is the guest and its own addresses and routes are the judge.
//!
//! They need no root, only user namespaces, iproute2, nftables, and radvd for
//! the test with another daemon. What is missing fails the test.
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
mod solicited;
mod source;
mod status;
mod timing;
mod uplink;
mod withdrawal;
