//! The options that are durations, which differ in nothing but their words.
//!
//! A table and not derived: derived code needs a kilobyte of stack for each
//! option, and an instance keeps the stack that its start took.

use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::config::Durations;

/// Option, variable, default, help.
type Definition = (&'static str, &'static str, &'static str, &'static str);

const MIN_RA_INTERVAL: Definition = (
    "min-ra-interval",
    "AUTORA_MIN_RA_INTERVAL",
    "20s",
    "Least time between two unsolicited RAs: 3s to 0.75 of the maximum",
);
const MAX_RA_INTERVAL: Definition = (
    "max-ra-interval",
    "AUTORA_MAX_RA_INTERVAL",
    "60s",
    "Most time between two unsolicited RAs: 4s to 1800s",
);
const ROUTER_LIFETIME: Definition = (
    "router-lifetime",
    "AUTORA_ROUTER_LIFETIME",
    "180s",
    "How long guests keep the default route: 0s (none), or the maximum interval to 65535s",
);
const PIO_VALID_LIFETIME: Definition = (
    "pio-valid-lifetime",
    "AUTORA_PIO_VALID_LIFETIME",
    "86400s",
    "How long guests keep their address (the prefix's valid lifetime): 0s to 4294967295s (infinity)",
);
const PIO_PREFERRED_LIFETIME: Definition = (
    "pio-preferred-lifetime",
    "AUTORA_PIO_PREFERRED_LIFETIME",
    "14400s",
    "How long guests use it for new connections (preferred lifetime): 0s to the valid lifetime",
);
const FORWARDING_RESYNC_INTERVAL: Definition = (
    "forwarding-resync-interval",
    "AUTORA_FORWARDING_RESYNC_INTERVAL",
    "60s",
    "Read the interface's state at least this often, events or not: 1s to 1d",
);
const HEARTBEAT_INTERVAL: Definition = (
    "heartbeat-interval",
    "AUTORA_HEARTBEAT_INTERVAL",
    "1h",
    "Log the counters about this often; 0s: never",
);

/// In the order of `--help`.
const DEFINITIONS: [Definition; 7] = [
    MIN_RA_INTERVAL,
    MAX_RA_INTERVAL,
    ROUTER_LIFETIME,
    PIO_VALID_LIFETIME,
    PIO_PREFERRED_LIFETIME,
    FORWARDING_RESYNC_INTERVAL,
    HEARTBEAT_INTERVAL,
];

impl Args for Durations {
    fn augment_args(command: Command) -> Command {
        DEFINITIONS.iter().fold(command, |command, definition| {
            let &(option, variable, default, help) = definition;
            let argument = Arg::new(option)
                .long(option)
                .env(variable)
                .value_name("D")
                .default_value(default)
                .value_parser(duration)
                .help(help);
            command.arg(argument)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Durations {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let value = |(option, ..): Definition| {
            let value = matches.get_one::<Duration>(option).copied();
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
