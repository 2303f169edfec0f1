//! The options that are durations.
//!
//! A table, because derived code needs a kilobyte of stack for each option, and
//! an instance keeps the stack memory that its start used.

use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::durations::{
    DurationOption, Durations, FORWARDING_RESYNC_INTERVAL, HEARTBEAT_INTERVAL, MAX_RA_INTERVAL,
    MIN_RA_INTERVAL, PIO_PREFERRED_LIFETIME, PIO_VALID_LIFETIME, ROUTER_LIFETIME, parse,
};

/// Each option with its help text, in the order of `--help`.
const DEFINITIONS: [(DurationOption, &str); 7] = [
    (
        MIN_RA_INTERVAL,
        "Shortest time between two unsolicited RAs: 3s to 0.75 of the maximum",
    ),
    (
        MAX_RA_INTERVAL,
        "Longest time between two unsolicited RAs: 4s to 1800s",
    ),
    (
        ROUTER_LIFETIME,
        "How long guests keep the default route: 0s (none), or the maximum interval to 65535s",
    ),
    (
        PIO_VALID_LIFETIME,
        "How long guests keep their address (the prefix's valid lifetime): 0s to 4294967295s (infinity)",
    ),
    (
        PIO_PREFERRED_LIFETIME,
        "How long guests use it for new connections (preferred lifetime): 0s to the valid lifetime",
    ),
    (
        FORWARDING_RESYNC_INTERVAL,
        "Read the interface's state at least this often, even without events: 1s to 1d",
    ),
    (HEARTBEAT_INTERVAL, "Log the counters about this often; 0s: never"),
];

impl Args for Durations {
    fn augment_args(command: Command) -> Command {
        DEFINITIONS.iter().fold(command, |command, &(option, help)| {
            let argument = Arg::new(option.option)
                .long(option.option)
                .env(option.variable)
                .value_name("D")
                .default_value(option.default)
                .value_parser(parse)
                .help(help);
            command.arg(argument)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// The durations that an option or variable sets, rather than the default.
#[derive(Debug)]
pub struct Given(pub Vec<(DurationOption, Duration)>);

/// It has the options of [`Durations`], and none of its own.
impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut all = Durations::from_arg_matches(matches)?;
        let is_given =
            |option: DurationOption| matches.value_source(option.option) != Some(ValueSource::DefaultValue);
        let given = all
            .by_option()
            .into_iter()
            .filter(|(option, _)| is_given(*option));
        Ok(Self(given.map(|(option, value)| (option, *value)).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl FromArgMatches for Durations {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let value = |option: DurationOption| {
            let value = matches.get_one::<Duration>(option.option).copied();
            value.ok_or_else(|| Error::new(ErrorKind::MissingRequiredArgument))
        };
        Ok(Self {
            min_ra_interval: value(MIN_RA_INTERVAL)?,
            max_ra_interval: value(MAX_RA_INTERVAL)?,
            router_lifetime: value(ROUTER_LIFETIME)?,
            pio_valid_lifetime: value(PIO_VALID_LIFETIME)?,
            pio_preferred_lifetime: value(PIO_PREFERRED_LIFETIME)?,
            forwarding_resync_interval: value(FORWARDING_RESYNC_INTERVAL)?,
            heartbeat_interval: value(HEARTBEAT_INTERVAL)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
