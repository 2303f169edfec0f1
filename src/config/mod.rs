//! The settings, and the [`Config`] that results from checking them.

pub(crate) mod durations;
pub mod environment_file;
pub(crate) mod files;
pub(crate) mod instance;
pub(crate) mod package;
pub(crate) mod pattern;

#[cfg(test)]
mod tests;

use std::time::Duration;

use autora_core::policy::{Bound, OutOfBounds, Parameter, RaParameters, RaPolicy};
use thiserror::Error;

pub use durations::{DurationOption, Durations};
use durations::{
    FORWARDING_RESYNC_INTERVAL, MAX_RA_INTERVAL, MIN_RA_INTERVAL, PIO_PREFERRED_LIFETIME, PIO_VALID_LIFETIME,
    ROUTER_LIFETIME,
};
use pattern::{InvalidPattern, Pattern};

/// The pattern that matches no name.
pub const SERVES_NOTHING: &str = "^$";
/// The bounds of `--forwarding-resync-interval`. Polling faster than once a
/// second costs more than this safety net is worth.
const RESYNC_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// The values as given. Each is parsed, but their bounds are not checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--interface-regex`
    pub interface_regex: String,
    /// The intervals and lifetimes.
    pub durations: Durations,
}

/// The configuration of an instance. Every value is within its bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which interfaces may be served.
    pub pattern: Pattern,
    /// What is advertised.
    pub ra: RaPolicy,
    /// The longest time between two reads of the interface's state: 1 s to 1 d.
    pub resync_interval: Duration,
    /// The approximate time between two lines with the counters in the log; `None`: no such lines.
    pub heartbeat_interval: Option<Duration>,
}

/// A refused value. The message is one line with option, variable, value, bound and rule.
#[derive(Debug, Error)]
pub enum InvalidConfig {
    /// The pattern is empty or does not compile.
    #[error("--interface-regex (AUTORA_INTERFACE_REGEX) is {pattern:?}: {reason}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// Why it is refused.
        reason: InvalidPattern,
    },
    /// A duration outside its bounds.
    #[error("{option} is {}: {bound} ({rule})", seconds(*value))]
    Bound {
        /// The option and its variable.
        option: DurationOption,
        /// The value as given.
        value: Duration,
        /// The requirement in words.
        bound: String,
        /// The RFC and section of the requirement.
        rule: &'static str,
    },
}

impl TryFrom<&Settings> for Config {
    type Error = InvalidConfig;

    fn try_from(settings: &Settings) -> Result<Self, InvalidConfig> {
        let given = &settings.durations;
        let ra = RaPolicy::new(&RaParameters {
            min_interval: given.min_ra_interval,
            max_interval: given.max_ra_interval,
            router_lifetime: given.router_lifetime,
            valid_lifetime: given.pio_valid_lifetime,
            preferred_lifetime: given.pio_preferred_lifetime,
        })?;
        let resync_interval = given.forwarding_resync_interval;
        let (least, most) = RESYNC_INTERVAL;
        if resync_interval < least || resync_interval > most {
            return Err(InvalidConfig::Bound {
                option: FORWARDING_RESYNC_INTERVAL,
                value: resync_interval,
                bound: within(least, most),
                rule: "autora's own bound",
            });
        }
        let pattern = Pattern::new(&settings.interface_regex).map_err(|reason| InvalidConfig::Pattern {
            pattern: settings.interface_regex.clone(),
            reason,
        })?;
        Ok(Self {
            pattern,
            ra,
            resync_interval,
            heartbeat_interval: (!given.heartbeat_interval.is_zero()).then_some(given.heartbeat_interval),
        })
    }
}

/// Names the options instead of the RFC's parameters.
impl From<OutOfBounds> for InvalidConfig {
    fn from(refused: OutOfBounds) -> Self {
        let bound = match refused.bound {
            Bound::Within(least, most) => within(least, most),
            Bound::AtMostThreeQuarters(most) => format!(
                "it must be at least 3s and at most {}, which is 0.75 of --max-ra-interval",
                seconds(most)
            ),
            Bound::ZeroOrFromMaxInterval(least) => format!(
                "it must be 0s, or from {}, which is --max-ra-interval, to 65535s",
                seconds(least)
            ),
            Bound::AtMostValidLifetime(most) => format!(
                "it must be at most {}, which is --pio-valid-lifetime",
                seconds(most)
            ),
            Bound::WholeSeconds => {
                "it must be a whole number of seconds, because the packet has seconds".to_owned()
            }
        };
        Self::Bound {
            option: match refused.parameter {
                Parameter::MinInterval => MIN_RA_INTERVAL,
                Parameter::MaxInterval => MAX_RA_INTERVAL,
                Parameter::RouterLifetime => ROUTER_LIFETIME,
                Parameter::ValidLifetime => PIO_VALID_LIFETIME,
                Parameter::PreferredLifetime => PIO_PREFERRED_LIFETIME,
            },
            value: refused.value,
            bound,
            rule: refused.rule(),
        }
    }
}

fn within(least: Duration, most: Duration) -> String {
    format!("it must be from {}s to {}s", least.as_secs(), most.as_secs())
}

/// Formats whole seconds as seconds, as the packet has them, and others with units.
fn seconds(value: Duration) -> String {
    match value.subsec_nanos() {
        0 => format!("{}s", value.as_secs()),
        _ => humantime::format_duration(value).to_string(),
    }
}
