//! The service manager, its journal and its units.

pub mod journal;
pub mod message_id;
pub(crate) mod notify;
pub(crate) mod subprocess;
pub mod unit_name;
pub(crate) mod units;
