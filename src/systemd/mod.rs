//! systemd: notification, journal, units and their names.

pub mod journal;
pub mod message_id;
pub(crate) mod notify;
pub mod subprocess;
pub mod unit_name;
pub(crate) mod units;
