//! The commands that answer and exit, and do not serve an interface.

pub mod apply;
pub mod check;
pub mod dry_run;
mod guest;
pub mod matching;
pub mod status;
pub mod terminal;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io;
use std::time::Duration;

use autora_core::interface_name::{IfName, InvalidIfName};
use nix::net::if_::if_nametoindex;
use thiserror::Error;

use crate::config::files::RefusedSettings;
use crate::kernel::interfaces;
use crate::systemd::subprocess::NoAnswer;
use crate::systemd::unit_name;

/// The answer of a command that checks something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The name matches, or no problem was found.
    Yes,
    /// It does not match, or a problem was found.
    No,
}

/// Why a command has no answer.
#[derive(Debug, Error)]
pub enum CommandError {
    /// No interface can have this name.
    #[error("{argument:?}: {reason}{}", alternative_hint(argument, reason))]
    Name {
        /// The name as given.
        argument: OsString,
        /// Why it is invalid.
        reason: InvalidIfName,
    },
    /// The settings, or the pattern in them, are refused.
    #[error(transparent)]
    Settings(#[from] RefusedSettings),
    /// The settings of every instance are refused; the line that each would log.
    #[error("{0}")]
    Instances(String),
    /// More than one interface matches the pattern.
    #[error("--interface (AUTORA_INTERFACE) is not set, and '{pattern}' matches several; one of:{choices}")]
    SeveralMatch {
        /// The pattern.
        pattern: String,
        /// A line with the command for each interface.
        choices: String,
    },
    /// No interface matches the pattern.
    #[error(
        "no interface matches '{pattern}': set --interface-regex (AUTORA_INTERFACE_REGEX); see --dry-run"
    )]
    NoneMatches {
        /// The pattern.
        pattern: String,
    },
    /// Settings are refused, a line for each.
    #[error("{}\nnothing was started, stopped or restarted: fix this, then systemctl reload autora", .0.join("\n"))]
    Refused(Vec<String>),
    /// The switch is off.
    #[error(
        "autora.service is not active, or its directory in /run was removed, so no interface is to be served: \
         systemctl restart autora"
    )]
    SwitchOff,
    /// The pattern matches no interface, and instances run.
    #[error(
        "the pattern matches no interface, which would stop {}; nothing was done: fix \
         AUTORA_INTERFACE_REGEX in /etc/default/autora, or, if that is meant, autora apply --allow-none",
        match count { 1 => "the only instance".to_owned(), more => format!("all {more} instances") }
    )]
    WouldStopAll {
        /// How many run.
        count: usize,
    },
    /// Not all is done in time.
    #[error("after {} s instances still start or stop: systemctl list-jobs", .0.as_secs())]
    StillStarting(Duration),
    /// systemd does not answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// A call to the operating system failed.
    #[error("{doing}: {error}")]
    Os {
        /// What was attempted.
        doing: String,
        /// The error.
        error: io::Error,
    },
}

impl From<bool> for Answer {
    fn from(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

impl CommandError {
    /// For `map_err`: adds what was attempted.
    fn os(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Os {
            doing: doing.into(),
            error,
        }
    }
}

/// A number with its noun.
fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str, more: &str) -> String {
    let noun = if count == N::from(1) { one } else { more };
    format!("{count} {noun}")
}

/// The two largest units, for example `3h12m`.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m{:02}s", seconds % 60),
        3600..86_400 => format!("{hours}h{:02}m", minutes % 60),
        _ => format!("{days}d{:02}h", hours % 24),
    }
}

/// All interfaces of this network namespace, each with its index.
fn all_interfaces() -> Result<Vec<(u32, IfName)>, CommandError> {
    interfaces::all().map_err(CommandError::os("cannot list the interfaces"))
}

/// The interface that has `name` as an alternative name.
fn real_name(name: &IfName) -> Option<IfName> {
    let index = if_nametoindex(name.as_bytes()).ok()?;
    interfaces::name_of(index).filter(|real| real != name)
}

/// Alternative names may be longer than names.
fn alternative_hint(argument: &OsStr, reason: &InvalidIfName) -> String {
    match (reason, argument.to_str()) {
        (InvalidIfName::Length(16..), Some(text)) => {
            format!("; if it is an alternative name, give the interface's own: ip link show dev {text}")
        }
        _ => String::new(),
    }
}

/// Parses an argument: an interface name, or the instance part of a unit name.
fn named(argument: &OsStr) -> Result<IfName, CommandError> {
    unit_name::interface_of(argument).map_err(|reason| CommandError::Name {
        argument: argument.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_name_or_an_escaped_unit_instance() {
        let named = |argument: &str| named(OsStr::new(argument)).map(|name| name.to_string());
        assert_eq!(named("tap+1").unwrap(), "tap+1");
        assert_eq!(named(r"tap\x2b1").unwrap(), "tap+1");
        let refused = named("a/b").unwrap_err();
        assert!(matches!(refused, CommandError::Name { .. }));
        assert!(refused.to_string().starts_with(r#""a/b": "#), "{refused}");
        let long = named("an-alternative-name").unwrap_err();
        assert!(
            long.to_string()
                .ends_with(": ip link show dev an-alternative-name")
        );
    }
}
