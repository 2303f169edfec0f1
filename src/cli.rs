//! Options and environment variables. The command line wins.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use log::LevelFilter;

use crate::config::Settings;

/// The pattern that matches no name.
pub const SERVES_NOTHING: &str = "^$";

/// Advertises one interface's /64 to the guest behind it (RFC 4861 router
/// discovery), while the interface is fit for it, and is silent otherwise.
#[derive(Debug, Parser)]
#[command(
    name = "autora",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// What to do instead of serving an interface.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of all commands.
    #[command(flatten)]
    pub options: Options,
}

/// Anything but serving.
#[derive(Debug)]
pub enum Command {
    /// `autora match`
    Match(Match),
    /// `autora check`
    Check(Check),
}

/// By hand, as the derived one would build the options of all commands at each
/// start: an instance, which has no use for them, would keep the memory.
impl Subcommand for Command {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        command.subcommands([
            clap::Command::new("match")
                .about("Exit with 0 if NAME matches the pattern, with 1 if not")
                .defer(Match::augment_args),
            clap::Command::new("check")
                .about("Say what each requirement is met by, or what mends it; exit with 0 only if it would advertise")
                .defer(Check::augment_args),
        ])
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        matches!(name, "match" | "check")
    }
}

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some(("match", matches)) => Match::from_arg_matches(matches).map(Self::Match),
            Some(("check", matches)) => Check::from_arg_matches(matches).map(Self::Check),
            _ => Err(clap::Error::new(ErrorKind::InvalidSubcommand)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Asks whether a name matches the pattern.
#[derive(Debug, Args)]
pub struct Match {
    /// Take the pattern from this file, read as systemd reads an environment file; the last one wins
    #[arg(long, value_name = "FILE")]
    pub environment_file: Vec<PathBuf>,
    /// The name of an interface
    pub name: OsString,
}

/// Asks why a guest has no IPv6. Without --interface-regex (`AUTORA_INTERFACE_REGEX`) the pattern
/// is that of /etc/default/autora and /etc/default/autora.d/NAME.conf, as for the instance.
#[derive(Debug, Args)]
pub struct Check {
    /// The names of interfaces; without any, all that match the pattern
    pub name: Vec<OsString>,
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

    /// Most that is advertised as the prefix's valid lifetime
    #[arg(long, env = "AUTORA_PIO_VALID_LIFETIME", value_name = "D", default_value = "86400s", value_parser = duration)]
    pub pio_valid_lifetime: Duration,

    /// Most that is advertised as the prefix's preferred lifetime
    #[arg(long, env = "AUTORA_PIO_PREFERRED_LIFETIME", value_name = "D", default_value = "14400s", value_parser = duration)]
    pub pio_preferred_lifetime: Duration,

    /// Read the interface's state at least this often, events or not: 1s to 1d
    #[arg(long, env = "AUTORA_FORWARDING_RESYNC_INTERVAL", value_name = "D", default_value = "60s", value_parser = duration)]
    pub forwarding_resync_interval: Duration,

    /// Log the counters about this often; 0s: never
    #[arg(long, env = "AUTORA_HEARTBEAT_INTERVAL", value_name = "D", default_value = "1h", value_parser = duration)]
    pub heartbeat_interval: Duration,

    /// How much to log
    #[arg(
        long,
        env = "AUTORA_LOG",
        value_name = "L",
        default_value = "info",
        ignore_case = true,
        global = true
    )]
    pub log_level: LogLevel,

    /// Open no raw socket and send nothing: show each packet, or all interfaces
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

/// A sum of numbers with units. `humantime` takes a bare `0`; a duration here
/// always says its unit.
fn duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "a duration needs a unit, as in 20s, 1500ms, 3m, 2h, 1d or 1h30m";
    if text == "0" {
        return Err(FORM.to_owned());
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; {FORM}"))
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
