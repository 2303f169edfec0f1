//! Options and environment variables. The command line takes precedence.

mod command;
mod durations;

use std::error::Error;
use std::ffi::OsString;

use clap::builder::FalseyValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, CommandFactory, Parser, ValueEnum};
use log::LevelFilter;

use crate::VERSION;
use crate::config::{Durations, SERVES_NOTHING, Settings};
pub use command::{Apply, Check, Command, Format, Match, Status};

/// Advertises the /64 of one interface to the guest behind it (RFC 4861 router
/// discovery) while the interface meets the requirements, and else sends nothing.
#[derive(Debug, Parser)]
#[command(name = "autora", version = VERSION, max_term_width = 100)]
pub struct Cli {
    /// The command to run instead of serving an interface.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of all commands.
    #[command(flatten)]
    pub options: Options,
}

/// The options; the comments are the help texts.
#[derive(Debug, Args)]
pub struct Options {
    /// The interface to serve; without it, the only one that matches the pattern
    #[arg(long, env = "AUTORA_INTERFACE", value_name = "NAME")]
    pub interface: Option<OsString>,

    /// Serve only interfaces whose name matches this regular expression
    #[arg(
        long,
        env = "AUTORA_INTERFACE_REGEX",
        value_name = "RE",
        default_value = SERVES_NOTHING,
        global = true
    )]
    pub interface_regex: String,

    /// Intervals and lifetimes
    #[command(flatten)]
    pub durations: Durations,

    /// Which of them are given
    #[command(flatten)]
    pub given: durations::Given,

    /// How much to log; debug shows each advertisement
    #[arg(
        long,
        env = "AUTORA_LOG",
        value_name = "L",
        default_value = "info",
        ignore_case = true,
        global = true
    )]
    pub log_level: LogLevel,

    /// Send nothing: log each packet or, without --interface, report on all interfaces. Needs no privileges
    #[arg(long, env = "AUTORA_DRY_RUN", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}

impl Options {
    /// The settings for [`crate::config::Config`].
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            interface_regex: self.interface_regex.clone(),
            durations: self.durations,
        }
    }
}

/// The levels of the `log` crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "the names are those of the log crate")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::Off,
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// The message for a value that does not parse, in the form of
/// [`crate::config::InvalidConfig`]; `None` for any other error.
#[must_use]
pub fn bad_value(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue) else {
        return None;
    };
    let reason = match (error.kind(), error.get(ContextKind::ValidValue)) {
        (ErrorKind::ValueValidation, _) => error.source()?.to_string(),
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(valid))) if !valid.is_empty() => {
            format!("it must be one of {}", valid.join(", "))
        }
        _ => return None,
    };
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let option = argument.split(' ').next()?;
    let command = Cli::command();
    let variable = command
        .get_arguments()
        .find(|arg| arg.get_long().is_some() && arg.get_long() == option.strip_prefix("--"))
        .and_then(Arg::get_env)
        .map(|variable| format!(" ({})", variable.to_string_lossy()));
    Some(format!(
        "{option}{} is {value:?}: {reason}",
        variable.unwrap_or_default()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_value_that_does_not_parse_is_reported_with_its_variable() {
        let refused = |argument: &str| bad_value(&Cli::try_parse_from(["autora", argument]).unwrap_err());
        assert_eq!(
            refused("--max-ra-interval=20").unwrap(),
            "--max-ra-interval (AUTORA_MAX_RA_INTERVAL) is \"20\": a duration is a number with its unit, \
             as in 20s, 1500ms, 3m, 2h, 1d or 1h30m"
        );
        assert_eq!(
            refused("--router-lifetime=584554530872y").unwrap(),
            "--router-lifetime (AUTORA_ROUTER_LIFETIME) is \"584554530872y\": it is too long"
        );
        assert_eq!(
            refused("--log-level=loud").unwrap(),
            "--log-level (AUTORA_LOG) is \"loud\": it must be one of off, error, warn, info, debug, trace"
        );
        for leave_to_clap in ["--help", "--version", "--nonsense", "match", "--interface"] {
            assert_eq!(refused(leave_to_clap), None, "{leave_to_clap}");
        }
    }
}
