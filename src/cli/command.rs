//! The subcommands and their arguments.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Error, FromArgMatches, Subcommand, ValueEnum};

/// The subcommands. Without one, autora serves an interface.
#[derive(Debug)]
pub enum Command {
    /// `autora match`
    Match(Match),
    /// `autora status`
    Status(Status),
    /// `autora check`
    Check(Check),
    /// `autora apply`
    Apply(Apply),
}

const MATCH: &str = "Exit with 0 if NAME matches the pattern, with 1 if not";
/// Where a pattern comes from that is not given.
const FROM_PACKAGE: &str = "Without `--interface-regex` (`AUTORA_INTERFACE_REGEX`) the pattern comes from \
                            `/etc/default/autora` and `/etc/default/autora.d/NAME.conf`, as for the instance.";
const STATUS: &str = "Show the state of every instance, and the interfaces without one";
const CHECK: &str = "Show whether each requirement is met, and the command that fixes it; exit with 0 only if it \
                     would advertise";

const APPLY: &str = "Start, stop and restart instances until they are as /etc/default/autora says";

/// The arguments of `autora match`.
#[derive(Debug, Args)]
#[command(about = MATCH, long_about = format!("{MATCH}\n\n{FROM_PACKAGE}"))]
pub struct Match {
    /// Take the pattern from this file, parsed as a systemd environment file; the last one counts
    #[arg(long, value_name = "FILE")]
    pub environment_file: Vec<PathBuf>,
    /// Exit with 1 also if autora.service is not active; for the udev rule
    #[arg(long)]
    pub switch: bool,
    /// The name of an interface
    #[arg(value_name = "NAME")]
    pub name: OsString,
}

/// The output formats of `autora status`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// One document, described by status.schema.json
    Json,
    /// Prometheus' text format
    Prometheus,
}

/// The arguments of `autora status`.
#[derive(Debug, Args)]
#[command(about = STATUS)]
pub struct Status {
    /// The output format
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
    /// Only instances that run and do not advertise; in the table, a line for each reason
    #[arg(long)]
    pub waiting: bool,
    /// Only interfaces without an instance, and overdue instances; in the table, a line for each reason
    #[arg(long)]
    pub failed: bool,
    /// Only these interfaces
    #[arg(value_name = "NAME")]
    pub names: Vec<OsString>,
}

/// The arguments of `autora check`.
#[derive(Debug, Args)]
#[command(about = CHECK, long_about = format!("{CHECK}\n\n{FROM_PACKAGE}"))]
pub struct Check {
    /// The names of interfaces; without any, all that match the pattern
    #[arg(value_name = "NAME")]
    pub names: Vec<OsString>,
}

/// The arguments of `autora apply`.
#[derive(Debug, Args)]
#[command(about = APPLY, long_about = format!(
    "{APPLY}\n\nEach interface that matches is served and no other; an instance with other settings is restarted \
     without a withdrawal. If a setting is refused, nothing is done. `systemctl reload autora` does it."
))]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub struct Apply {
    /// Only print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Wait until all instances have started or stopped; exit with 1 if one fails
    #[arg(long)]
    pub wait: bool,
    /// Restart also the instances that are as they should be, without a withdrawal
    #[arg(long)]
    pub restart: bool,
    /// Stop everything that runs if the pattern matches no interface, which is refused otherwise
    #[arg(long)]
    pub allow_none: bool,
    /// Stop every instance if autora.service stops; for autora-instances.service
    #[arg(long, conflicts_with_all = ["dry_run", "wait", "restart", "allow_none"])]
    pub stop: bool,
}

/// Not derived: the derived code defines the arguments of all commands at each
/// start, and an instance, which does not use them, keeps that memory.
impl Subcommand for Command {
    fn augment_subcommands(command: clap::Command) -> clap::Command {
        type Definition = fn(clap::Command) -> clap::Command;
        let commands: [(_, _, Definition); 4] = [
            ("match", MATCH, Match::augment_args),
            ("status", STATUS, Status::augment_args),
            ("check", CHECK, Check::augment_args),
            ("apply", APPLY, Apply::augment_args),
        ];
        commands
            .into_iter()
            .fold(command, |command, (name, about, arguments)| {
                command.subcommand(clap::Command::new(name).about(about).defer(arguments))
            })
    }

    fn augment_subcommands_for_update(command: clap::Command) -> clap::Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        matches!(name, "match" | "status" | "check" | "apply")
    }
}

impl FromArgMatches for Command {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        match matches.subcommand() {
            Some(("match", matches)) => Match::from_arg_matches(matches).map(Self::Match),
            Some(("status", matches)) => Status::from_arg_matches(matches).map(Self::Status),
            Some(("check", matches)) => Check::from_arg_matches(matches).map(Self::Check),
            Some(("apply", matches)) => Apply::from_arg_matches(matches).map(Self::Apply),
            _ => Err(Error::new(ErrorKind::InvalidSubcommand)),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
