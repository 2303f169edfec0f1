//! Texts for operators: why an interface is not advertised, and the command that fixes it.

mod explanation;
mod fix;
pub mod shell;

pub use explanation::explain;
pub(crate) use explanation::{HOST_NOT_FORWARDING, not_forwarded};
pub(crate) use fix::{ADDRESS, fix};
