//! Options and environment variables. The command line wins.

use std::error::Error;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use log::LevelFilter;

use crate::config::Settings;
use crate::status::Format;

/// The pattern that matches no name.
pub const SERVES_NOTHING: &str = "^$";

/// The package's version, where a package is built.
const VERSION: &str = match option_env!("AUTORA_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};

/// Advertises one interface's /64 to the guest behind it (RFC 4861 router
/// discovery), while the interface is fit for it, and is silent otherwise.
#[derive(Debug, Parser)]
#[command(name = "autora", version = VERSION, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do instead of serving an interface.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of all commands.
    #[command(flatten)]
    pub options: Options,
}

/// Anything but serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Exit with 0 if NAME matches the pattern, with 1 if not
    Match {
        /// Take the pattern from this file, read as systemd reads an environment file; the last one wins
        #[arg(long, value_name = "FILE")]
        environment_file: Vec<PathBuf>,
        /// The name of an interface
        name: OsString,
    },
    /// Show what every instance does, and which interfaces lack one
    Status {
        /// How to show it
        #[arg(long, value_enum, default_value = "table")]
        format: Format,
        /// Only these interfaces
        #[arg(value_name = "NAME")]
        names: Vec<OsString>,
    },
    /// Say what each requirement is met by, or what mends it; exit with 0 only if it would advertise
    ///
    /// Without `--interface-regex` (`AUTORA_INTERFACE_REGEX`) the pattern is that of `/etc/default/autora` and
    /// `/etc/default/autora.d/NAME.conf`, as for the instance.
    Check {
        /// The names of interfaces; without any, all that match the pattern
        #[arg(value_name = "NAME")]
        names: Vec<OsString>,
    },
}

/// One field per option; the help text is the reference.
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

    /// Least time between two unsolicited RAs: 3s to 0.75 of the maximum
    #[arg(long, env = "AUTORA_MIN_RA_INTERVAL", value_name = "D", default_value = "20s", value_parser = duration)]
    pub min_ra_interval: Duration,

    /// Most time between two unsolicited RAs: 4s to 1800s
    #[arg(long, env = "AUTORA_MAX_RA_INTERVAL", value_name = "D", default_value = "60s", value_parser = duration)]
    pub max_ra_interval: Duration,

    /// How long guests keep the default route: 0s (none), or the maximum interval to 65535s
    #[arg(long, env = "AUTORA_ROUTER_LIFETIME", value_name = "D", default_value = "180s", value_parser = duration)]
    pub router_lifetime: Duration,

    /// How long guests keep their address (the prefix's valid lifetime): 0s to 4294967295s (infinity)
    #[arg(long, env = "AUTORA_PIO_VALID_LIFETIME", value_name = "D", default_value = "86400s", value_parser = duration)]
    pub pio_valid_lifetime: Duration,

    /// How long guests use it for new connections (preferred lifetime): 0s to the valid lifetime
    #[arg(long, env = "AUTORA_PIO_PREFERRED_LIFETIME", value_name = "D", default_value = "14400s", value_parser = duration)]
    pub pio_preferred_lifetime: Duration,

    /// Read the interface's state at least this often, events or not: 1s to 1d
    #[arg(long, env = "AUTORA_FORWARDING_RESYNC_INTERVAL", value_name = "D", default_value = "60s", value_parser = duration)]
    pub forwarding_resync_interval: Duration,

    /// Log the counters about this often; 0s: never
    #[arg(long, env = "AUTORA_HEARTBEAT_INTERVAL", value_name = "D", default_value = "1h", value_parser = duration)]
    pub heartbeat_interval: Duration,

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

    /// Send nothing and need no privilege: show each packet or, without --interface, report on all interfaces
    #[arg(long, env = "AUTORA_DRY_RUN", action = ArgAction::SetTrue, value_parser = FalseyValueParser::new())]
    pub dry_run: bool,
}

impl Options {
    /// The values that are checked against each other.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            interface_regex: self.interface_regex.clone(),
            min_ra_interval: self.min_ra_interval,
            max_ra_interval: self.max_ra_interval,
            router_lifetime: self.router_lifetime,
            pio_valid_lifetime: self.pio_valid_lifetime,
            pio_preferred_lifetime: self.pio_preferred_lifetime,
            forwarding_resync_interval: self.forwarding_resync_interval,
            heartbeat_interval: self.heartbeat_interval,
        }
    }
}

/// The levels of the `log` crate, by their names.
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

/// A value that does not parse, said as of one that is out of its bounds; `None` for any other error.
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

/// A sum of numbers with units. `humantime` takes a bare `0`; a duration here
/// always says its unit.
fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a duration is a number with its unit, as in 20s, 1500ms, 3m, 2h, 1d or 1h30m";
    if text == "0" {
        return Err(FORM.to_owned());
    }
    humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::NumberOverflow => "it is too long".to_owned(),
        _ => FORM.to_owned(),
    })
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
    fn a_value_that_does_not_parse_is_named_with_its_variable() {
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

    #[test]
    fn durations_carry_a_unit() {
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        for bad in [
            "",
            "0",
            "20",
            "s",
            "-1s",
            "1.5",
            "20 x",
            "99999999999999999999s",
            "1h30",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
