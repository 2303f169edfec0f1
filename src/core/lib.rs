//! The decisions of autora, as functions of the link's state, the time and a random source.
//!
//! Nothing here does I/O, reads a clock or a file, or knows the operating system. The crate is
//! `no_std`, so the compiler enforces this. Callers pass in what they read and carry out what is
//! returned ([`router::Router`] documents that contract).
//!
//! [`wire`] parses a received packet for [`router`]. [`eligibility`] evaluates a snapshot of the
//! interface ([`link`]) for [`router`], which returns the packet that is due.

// The unit tests need std: they print and use vectors.
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
pub mod neighbour;
pub mod other_routers;
pub mod other_senders;
pub mod policy;
pub mod prefix;
pub mod rate_limit;
pub mod router;
pub mod time;
pub mod visible;
pub mod wire;
