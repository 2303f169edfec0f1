//! Why an instance does not start, or cannot continue.

use std::io;

use autora_core::interface_name::IfName;
use thiserror::Error;

use crate::advice::shell::{self, escaped_dashes_hint};
use crate::kernel::privileges::PrivilegeError;

/// The error with which an instance exits.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The name does not match the pattern.
    #[error(
        "{name}: the name does not match the pattern '{pattern}' and is not served: set --interface-regex \
         (AUTORA_INTERFACE_REGEX in /etc/default/autora)"
    )]
    NoMatch {
        /// The interface.
        name: IfName,
        /// The pattern.
        pattern: String,
    },
    /// There is no such interface.
    #[error(
        "{0}: no such interface in this network namespace: see ip link{hint}",
        hint = escaped_dashes_hint(&.0.to_string())
    )]
    NoInterface(IfName),
    /// The name is an alternative one.
    #[error("{name}: this is an alternative name of {real}: use {real}")]
    AlternativeName {
        /// The name as given.
        name: IfName,
        /// The interface's own name.
        real: IfName,
    },
    /// The interface was deleted while the instance started.
    #[error("{0}: the interface was deleted during the start")]
    WentAway(IfName),
    /// Another instance serves the interface.
    #[error("{0}: another autora serves it already: stop that one first (ps -C autora -f)")]
    Claimed(IfName),
    /// `CAP_NET_RAW` is missing.
    #[error(
        "{name}: CAP_NET_RAW is missing, and a raw socket needs it: run this as root or through \
         systemctl start {unit}, or look first with --dry-run",
        name = .0, unit = shell::unit(.0)
    )]
    NoCapability(IfName),
    /// A privilege could not be dropped.
    #[error("{name}: {error}")]
    Privileges {
        /// The interface.
        name: IfName,
        /// Which one, and why.
        error: PrivilegeError,
    },
    /// Unrecoverable operating-system error.
    #[error("{name}: {doing}: {error}")]
    Os {
        /// The interface.
        name: IfName,
        /// What was attempted.
        doing: &'static str,
        /// The kernel's error.
        error: io::Error,
    },
}

impl DaemonError {
    /// For `map_err`: adds the interface and what was attempted.
    pub(super) fn os<E: Into<io::Error>>(name: IfName, doing: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Os {
            name,
            doing,
            error: error.into(),
        }
    }
}
