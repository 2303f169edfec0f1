//! An instance: the loop over one interface, and what it acts on.
//!
//! [`Instance`] is generic over [`Outside`], so that the loop itself can be run
//! in simulated time.

mod error;
mod instance;
mod journal;
mod open;
mod outside;
mod publish;
mod report;
mod system;
mod transport;
mod wait;

pub use error::DaemonError;
pub use instance::{End, Instance};
pub use open::serve;
pub use outside::{Event, Notification, Outside, Request, Wake};
pub use publish::Origin;
