//! The exit statuses, from `sysexits.h`. The unit's restart rules depend on them.

use std::process::ExitCode;

use crate::commands::{Answer, CommandError};
use crate::config::InvalidConfig;
use crate::daemon::{DaemonError, End};

/// Stopped on request, or the interface went away.
pub const OK: u8 = 0;
/// The answer of `autora match`, `autora status`, `autora check` or `autora apply` is no.
pub const NO: u8 = 1;
/// The command line or an environment variable is invalid.
pub const USAGE: u8 = 2;
/// The interface does not exist.
pub const NO_INPUT: u8 = 66;
/// Unrecoverable operating-system error.
pub const OS_ERROR: u8 = 71;
/// SIGHUP, the interface was replaced by a new one of the same name, or IPv6 was restarted there: restart.
pub const TEMPORARY: u8 = 75;
/// A privilege is missing.
pub const NO_PERMISSION: u8 = 77;
/// The configuration is invalid.
pub const CONFIG: u8 = 78;

/// An exit with an error, and the line that explains it.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: u8,
    /// One line for the operator.
    pub message: String,
}

impl Failure {
    /// An exit with `status`, explained by `message`.
    pub fn new(status: u8, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl From<InvalidConfig> for Failure {
    fn from(error: InvalidConfig) -> Self {
        Self::new(CONFIG, error.to_string())
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        let status = match error {
            DaemonError::NoMatch { .. } | DaemonError::Claimed(_) => CONFIG,
            DaemonError::NoInterface(_) | DaemonError::AlternativeName { .. } | DaemonError::WentAway(_) => {
                NO_INPUT
            }
            DaemonError::NoCapability(_) => NO_PERMISSION,
            DaemonError::Privileges { .. } | DaemonError::Os { .. } => OS_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        let status = match error {
            CommandError::Name { .. }
            | CommandError::Settings(_)
            | CommandError::Instances(_)
            | CommandError::Refused(_)
            | CommandError::WouldStopAll { .. }
            | CommandError::SeveralMatch { .. } => CONFIG,
            CommandError::SwitchOff => NO,
            CommandError::NoneMatches { .. } => NO_INPUT,
            CommandError::Os { .. } | CommandError::NoAnswer(_) | CommandError::StillStarting(_) => OS_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(match end {
            End::Done => OK,
            End::Hangup | End::Replaced | End::Ipv6Restarted => TEMPORARY,
        })
    }
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> Self {
        Self::from(match answer {
            Answer::Yes => OK,
            Answer::No => NO,
        })
    }
}
