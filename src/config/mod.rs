//! The configuration: a [`Config`] that exists is within every bound.

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use thiserror::Error;

use crate::lifetime::Lifetime;
use crate::pattern::{InvalidPattern, Pattern};

/// RFC 4861, 6.2.1: `MaxRtrAdvInterval` lies between 4 and 1800 seconds.
pub const MAX_RTR_ADV_INTERVAL: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(1800));
/// RFC 4861, 6.2.1: `MinRtrAdvInterval` is no less than 3 seconds.
pub const LEAST_MIN_RTR_ADV_INTERVAL: Duration = Duration::from_secs(3);
/// The 16 bits of the Router Lifetime; RFC 8319, 4 allows all of them.
const MAX_ROUTER_LIFETIME: Duration = Duration::from_secs(65_535);
/// All 32 bits set mean infinity (RFC 4861, 4.6.2).
const MAX_PIO_LIFETIME: Duration = Duration::from_secs(u32::MAX as u64);
/// Below a second the belt would cost more than the braces.
const RESYNC_INTERVAL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// The values as given, each parsed but none checked against another.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--interface-regex`
    pub interface_regex: String,
    /// Intervals and lifetimes
    pub durations: Durations,
}

/// The options that are durations.
#[derive(Clone, Copy, Debug)]
pub struct Durations {
    /// `--min-ra-interval`
    pub min_ra_interval: Duration,
    /// `--max-ra-interval`
    pub max_ra_interval: Duration,
    /// `--router-lifetime`
    pub router_lifetime: Duration,
    /// `--pio-valid-lifetime`
    pub pio_valid_lifetime: Duration,
    /// `--pio-preferred-lifetime`
    pub pio_preferred_lifetime: Duration,
    /// `--forwarding-resync-interval`
    pub forwarding_resync_interval: Duration,
    /// `--heartbeat-interval`
    pub heartbeat_interval: Duration,
}

/// What is to be advertised, and how often.
#[derive(Clone, Debug)]
pub struct RaPolicy {
    min_interval: Duration,
    max_interval: Duration,
    router_lifetime: u16,
    valid: Lifetime,
    preferred: Lifetime,
}

impl RaPolicy {
    /// `MinRtrAdvInterval`: at least 3 s.
    #[must_use]
    pub fn min_interval(&self) -> Duration {
        self.min_interval
    }

    /// `MaxRtrAdvInterval`: 4 s to 1800 s.
    #[must_use]
    pub fn max_interval(&self) -> Duration {
        self.max_interval
    }

    /// `AdvDefaultLifetime` in seconds: 0, or at least the maximum interval.
    #[must_use]
    pub fn router_lifetime(&self) -> u16 {
        self.router_lifetime
    }

    /// The most that is advertised as `AdvValidLifetime`.
    #[must_use]
    pub fn valid(&self) -> Lifetime {
        self.valid
    }

    /// The most that is advertised as `AdvPreferredLifetime`.
    #[must_use]
    pub fn preferred(&self) -> Lifetime {
        self.preferred
    }
}

/// Everything that an instance is told, and within bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which interfaces may be served.
    pub pattern: Pattern,
    /// What is advertised.
    pub ra: RaPolicy,
    /// The state is read again at least this often.
    pub resync_interval: Duration,
    /// A line with the counters about this often; `None`: never.
    pub heartbeat_interval: Option<Duration>,
}

/// A value that is refused, as one line: option, variable, value, bound, rule.
#[derive(Debug, Error)]
pub enum InvalidConfig {
    /// The pattern does not compile, or matches everything by being empty.
    #[error("--interface-regex (AUTORA_INTERFACE_REGEX) is {pattern:?}: {reason}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        reason: InvalidPattern,
    },
    /// A duration outside its bounds.
    #[error("{option} ({variable}) is {}: {bound} ({rule})", shown(*value))]
    Bound {
        /// The option's name.
        option: &'static str,
        /// Its environment variable.
        variable: &'static str,
        /// The value as given.
        value: Duration,
        /// What it has to be.
        bound: String,
        /// Where that is written.
        rule: &'static str,
    },
}

impl TryFrom<&Settings> for Config {
    type Error = InvalidConfig;

    fn try_from(settings: &Settings) -> Result<Self, InvalidConfig> {
        let given = &settings.durations;
        let (least_max, most_max) = MAX_RTR_ADV_INTERVAL;
        let max = Setting::new(
            "--max-ra-interval",
            "AUTORA_MAX_RA_INTERVAL",
            given.max_ra_interval,
        );
        max.within(least_max, most_max, "RFC 4861, 6.2.1")?;

        let min = Setting::new(
            "--min-ra-interval",
            "AUTORA_MIN_RA_INTERVAL",
            given.min_ra_interval,
        );
        let three_quarters = max.value * 3 / 4;
        if min.value < LEAST_MIN_RTR_ADV_INTERVAL || min.value > three_quarters {
            return Err(min.refuse(
                format!(
                    "it must be at least 3s and at most {}, which is 0.75 of --max-ra-interval",
                    shown(three_quarters)
                ),
                "RFC 4861, 6.2.1",
            ));
        }

        let router = Setting::new(
            "--router-lifetime",
            "AUTORA_ROUTER_LIFETIME",
            given.router_lifetime,
        );
        let router_lifetime = router.whole_seconds()?;
        if !router.value.is_zero() && (router.value < max.value || router.value > MAX_ROUTER_LIFETIME) {
            return Err(router.refuse(
                format!(
                    "it must be 0s, or from {}, which is --max-ra-interval, to 65535s",
                    shown(max.value)
                ),
                "RFC 4861, 6.2.1; RFC 8319, 4",
            ));
        }

        let valid = Setting::new(
            "--pio-valid-lifetime",
            "AUTORA_PIO_VALID_LIFETIME",
            given.pio_valid_lifetime,
        );
        let valid_lifetime = valid.whole_seconds()?;
        valid.within(Duration::ZERO, MAX_PIO_LIFETIME, "RFC 4861, 4.6.2")?;
        let preferred = Setting::new(
            "--pio-preferred-lifetime",
            "AUTORA_PIO_PREFERRED_LIFETIME",
            given.pio_preferred_lifetime,
        );
        let preferred_lifetime = preferred.whole_seconds()?;
        if preferred.value > valid.value {
            return Err(preferred.refuse(
                format!(
                    "it must be at most {}, which is --pio-valid-lifetime",
                    shown(valid.value)
                ),
                "RFC 4861, 6.2.1",
            ));
        }

        let resync = Setting::new(
            "--forwarding-resync-interval",
            "AUTORA_FORWARDING_RESYNC_INTERVAL",
            given.forwarding_resync_interval,
        );
        resync.within(RESYNC_INTERVAL.0, RESYNC_INTERVAL.1, "autora's own bound")?;

        let pattern = Pattern::new(&settings.interface_regex).map_err(|reason| InvalidConfig::Pattern {
            pattern: settings.interface_regex.clone(),
            reason,
        })?;
        Ok(Self {
            pattern,
            ra: RaPolicy {
                min_interval: min.value,
                max_interval: max.value,
                router_lifetime: u16::try_from(router_lifetime).unwrap_or(u16::MAX),
                valid: Lifetime::from_bits(u32::try_from(valid_lifetime).unwrap_or(u32::MAX)),
                preferred: Lifetime::from_bits(u32::try_from(preferred_lifetime).unwrap_or(u32::MAX)),
            },
            resync_interval: resync.value,
            heartbeat_interval: (!given.heartbeat_interval.is_zero()).then_some(given.heartbeat_interval),
        })
    }
}

/// Seconds as the packet has them, or whatever else it is.
fn shown(value: Duration) -> String {
    match value.subsec_nanos() {
        0 => format!("{}s", value.as_secs()),
        _ => humantime::format_duration(value).to_string(),
    }
}

/// One duration with the names under which an operator knows it.
struct Setting {
    option: &'static str,
    variable: &'static str,
    value: Duration,
}

impl Setting {
    const fn new(option: &'static str, variable: &'static str, value: Duration) -> Self {
        Self {
            option,
            variable,
            value,
        }
    }

    fn refuse(&self, bound: String, rule: &'static str) -> InvalidConfig {
        InvalidConfig::Bound {
            option: self.option,
            variable: self.variable,
            value: self.value,
            bound,
            rule,
        }
    }

    fn within(&self, least: Duration, most: Duration, rule: &'static str) -> Result<(), InvalidConfig> {
        if (least..=most).contains(&self.value) {
            return Ok(());
        }
        let bound = format!("it must be from {}s to {}s", least.as_secs(), most.as_secs());
        Err(self.refuse(bound, rule))
    }

    /// A field on the wire counts whole seconds.
    fn whole_seconds(&self) -> Result<u64, InvalidConfig> {
        if self.value.subsec_nanos() == 0 {
            return Ok(self.value.as_secs());
        }
        let bound = "it must be a whole number of seconds, as the packet carries it".to_owned();
        Err(self.refuse(bound, "RFC 4861, 4.2 and 4.6.2"))
    }
}
