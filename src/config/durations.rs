//! The options that are durations.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// An option whose value is a duration, and its environment variable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DurationOption {
    /// The option without its dashes.
    pub(crate) option: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// The default value as text, for example `20s`.
    pub(crate) default: &'static str,
}

/// `--min-ra-interval`
pub(crate) const MIN_RA_INTERVAL: DurationOption =
    DurationOption::new("min-ra-interval", "AUTORA_MIN_RA_INTERVAL", "20s");
/// `--max-ra-interval`
pub(crate) const MAX_RA_INTERVAL: DurationOption =
    DurationOption::new("max-ra-interval", "AUTORA_MAX_RA_INTERVAL", "60s");
/// `--router-lifetime`
pub(crate) const ROUTER_LIFETIME: DurationOption =
    DurationOption::new("router-lifetime", "AUTORA_ROUTER_LIFETIME", "180s");
/// `--pio-valid-lifetime`
pub(crate) const PIO_VALID_LIFETIME: DurationOption =
    DurationOption::new("pio-valid-lifetime", "AUTORA_PIO_VALID_LIFETIME", "86400s");
/// `--pio-preferred-lifetime`
pub(crate) const PIO_PREFERRED_LIFETIME: DurationOption = DurationOption::new(
    "pio-preferred-lifetime",
    "AUTORA_PIO_PREFERRED_LIFETIME",
    "14400s",
);
/// `--forwarding-resync-interval`
pub(crate) const FORWARDING_RESYNC_INTERVAL: DurationOption = DurationOption::new(
    "forwarding-resync-interval",
    "AUTORA_FORWARDING_RESYNC_INTERVAL",
    "60s",
);
/// `--heartbeat-interval`
pub(crate) const HEARTBEAT_INTERVAL: DurationOption =
    DurationOption::new("heartbeat-interval", "AUTORA_HEARTBEAT_INTERVAL", "1h");

/// The values of all of them.
#[derive(Clone, Copy, Debug)]
pub struct Durations {
    /// [`MIN_RA_INTERVAL`]
    pub min_ra_interval: Duration,
    /// [`MAX_RA_INTERVAL`]
    pub max_ra_interval: Duration,
    /// [`ROUTER_LIFETIME`]
    pub router_lifetime: Duration,
    /// [`PIO_VALID_LIFETIME`]
    pub pio_valid_lifetime: Duration,
    /// [`PIO_PREFERRED_LIFETIME`]
    pub pio_preferred_lifetime: Duration,
    /// [`FORWARDING_RESYNC_INTERVAL`]
    pub forwarding_resync_interval: Duration,
    /// [`HEARTBEAT_INTERVAL`]
    pub heartbeat_interval: Duration,
}

impl Durations {
    /// The defaults.
    pub(crate) fn defaults() -> Self {
        let default = |option: DurationOption| parse(option.default).expect("a test reads every default");
        Self {
            min_ra_interval: default(MIN_RA_INTERVAL),
            max_ra_interval: default(MAX_RA_INTERVAL),
            router_lifetime: default(ROUTER_LIFETIME),
            pio_valid_lifetime: default(PIO_VALID_LIFETIME),
            pio_preferred_lifetime: default(PIO_PREFERRED_LIFETIME),
            forwarding_resync_interval: default(FORWARDING_RESYNC_INTERVAL),
            heartbeat_interval: default(HEARTBEAT_INTERVAL),
        }
    }

    /// Each value with its option, in the order of `--help`.
    pub(crate) fn by_option(&mut self) -> [(DurationOption, &mut Duration); 7] {
        // By name, so that the compiler misses none.
        let Self {
            min_ra_interval,
            max_ra_interval,
            router_lifetime,
            pio_valid_lifetime,
            pio_preferred_lifetime,
            forwarding_resync_interval,
            heartbeat_interval,
        } = self;
        [
            (MIN_RA_INTERVAL, min_ra_interval),
            (MAX_RA_INTERVAL, max_ra_interval),
            (ROUTER_LIFETIME, router_lifetime),
            (PIO_VALID_LIFETIME, pio_valid_lifetime),
            (PIO_PREFERRED_LIFETIME, pio_preferred_lifetime),
            (FORWARDING_RESYNC_INTERVAL, forwarding_resync_interval),
            (HEARTBEAT_INTERVAL, heartbeat_interval),
        ]
    }
}

/// Why a text is not a valid duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub(crate) enum InvalidDuration {
    /// Not a sum of numbers with units.
    #[error("a duration is a number with its unit, as in 20s, 1500ms, 3m, 2h, 1d or 1h30m")]
    Form,
    /// More than a [`Duration`] can represent.
    #[error("it is too long")]
    Overflow,
}

impl DurationOption {
    const fn new(option: &'static str, variable: &'static str, default: &'static str) -> Self {
        Self {
            option,
            variable,
            default,
        }
    }
}

impl fmt::Display for DurationOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--{} ({})", self.option, self.variable)
    }
}

/// Parses a sum of numbers with units. A `0` without a unit, which `humantime`
/// accepts, is refused.
pub(crate) fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    if text == "0" {
        return Err(InvalidDuration::Form);
    }
    humantime::parse_duration(text).map_err(|error| match error {
        humantime::DurationError::NumberOverflow => InvalidDuration::Overflow,
        _ => InvalidDuration::Form,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_duration() {
        let mut defaults = Durations::defaults();
        for (option, value) in defaults.by_option() {
            assert_eq!(parse(option.default), Ok(*value));
        }
    }

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("1500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("1d"), Ok(Duration::from_secs(86_400)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
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
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
