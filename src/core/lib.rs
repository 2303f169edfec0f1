//! What autora decides, as functions of the link's state, the time and a random source.
//!
//! Nothing here does I/O, reads a clock or a file, or knows the operating system: the crate is
//! `no_std`, so the compiler refuses it. The callers pass in what was read and carry out what is
//! returned ([`router::Router`] documents that contract).
//!
//! A packet received passes [`wire`] to [`router`]; a reading of the interface ([`link`]) passes
//! [`eligibility`] to [`router`], which returns the packet that is due.

// The unit tests print, and collect into vectors.
#![cfg_attr(not(test), no_std)]
#![warn(
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::alloc_instead_of_core
)]

extern crate alloc;

pub mod counters;
pub mod eligibility;
pub mod interface_name;
pub mod lifetime;
pub mod link;
pub mod other_senders;
pub mod policy;
pub mod prefix;
pub mod rate_limit;
pub mod router;
pub mod time;
pub mod wire;
