//! How the process ends: statuses from `sysexits.h`, which systemd names in
//! its messages and on which the unit's restart rules rest.

use std::process::ExitCode;

use crate::message_id::MessageId;

/// Stopped on request, or the interface went away.
pub const OK: u8 = 0;
/// The answer of `autora match`, `autora status` or `autora check` is no.
pub const NO: u8 = 1;
/// The command line, or a variable in place of it, is not understood.
pub const USAGE: u8 = 2;
/// There is no such interface.
pub const NO_INPUT: u8 = 66;
/// The operating system failed in a way that cannot be outlived.
pub const OS_ERROR: u8 = 71;
/// The interface was replaced by a new one of the same name: start again.
pub const TEMPORARY: u8 = 75;
/// A privilege is missing.
pub const NO_PERMISSION: u8 = 77;
/// The configuration is refused.
pub const CONFIG: u8 = 78;

/// An end other than success, with the line that explains it.
#[derive(Debug)]
pub struct Failure {
    /// The exit status.
    pub status: u8,
    /// One line for the operator.
    pub message: String,
}

impl Failure {
    /// An end with `status`, explained by `message`.
    pub fn new(status: u8, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// An operating-system error that cannot be outlived; `doing` says what
    /// was attempted.
    pub fn os(doing: &str, error: impl Into<std::io::Error>) -> Self {
        Self::new(OS_ERROR, format!("{doing}: {}", error.into()))
    }

    /// Under which name the journal knows it.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        match self.status {
            NO_INPUT => MessageId::NoInterface,
            NO_PERMISSION => MessageId::NoPermission,
            USAGE | CONFIG => MessageId::ConfigRefused,
            _ => MessageId::SystemFailed,
        }
    }
}

/// Why the process ends well, or asks to be started again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// SIGTERM, SIGINT or SIGHUP, or the interface is gone.
    Done,
    /// The interface was replaced by a new one of the same name.
    Replaced,
}

impl From<End> for ExitCode {
    fn from(end: End) -> Self {
        Self::from(match end {
            End::Done => OK,
            End::Replaced => TEMPORARY,
        })
    }
}
