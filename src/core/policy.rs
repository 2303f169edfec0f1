//! The configurable router variables of RFC 4861, 6.2.1, and their bounds.

use core::fmt;
use core::time::Duration;

use thiserror::Error;

use crate::lifetime::Lifetime;

/// The bounds of `MaxRtrAdvInterval`, both inclusive (RFC 4861, 6.2.1).
pub const MAX_RTR_ADV_INTERVAL_BOUNDS: (Duration, Duration) =
    (Duration::from_secs(4), Duration::from_secs(1800));
/// The smallest `MinRtrAdvInterval` (RFC 4861, 6.2.1).
pub const LEAST_MIN_RTR_ADV_INTERVAL: Duration = Duration::from_secs(3);
/// The largest `AdvDefaultLifetime`: 65535 s, all 16 bits of the field (RFC 8319, 4).
pub const MAX_ROUTER_LIFETIME: Duration = Duration::from_secs(u16::MAX as u64);
/// The largest lifetime of a prefix. This value, 4294967295 s, means infinity (RFC 4861, 4.6.2).
pub const MAX_PREFIX_LIFETIME: Duration = Duration::from_secs(u32::MAX as u64);

/// What to advertise and how often. Every value is within its bounds.
#[derive(Clone, Debug)]
pub struct RaPolicy {
    min_interval: Duration,
    max_interval: Duration,
    router_lifetime: u16,
    valid: Lifetime,
    preferred: Lifetime,
}

/// The values of an [`RaPolicy`] before they are checked.
#[derive(Clone, Copy, Debug)]
pub struct RaParameters {
    /// `MinRtrAdvInterval`
    pub min_interval: Duration,
    /// `MaxRtrAdvInterval`
    pub max_interval: Duration,
    /// `AdvDefaultLifetime`
    pub router_lifetime: Duration,
    /// `AdvValidLifetime`
    pub valid_lifetime: Duration,
    /// `AdvPreferredLifetime`
    pub preferred_lifetime: Duration,
}

/// The name of one of the [`RaParameters`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields of RaParameters say it")]
pub enum Parameter {
    MinInterval,
    MaxInterval,
    RouterLifetime,
    ValidLifetime,
    PreferredLifetime,
}

/// The requirement that a value does not meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// From the first to the second, both inclusive.
    Within(Duration, Duration),
    /// From 3 s to this, which is 0.75 of the maximum interval.
    AtMostThreeQuarters(Duration),
    /// Zero, or from this, which is the maximum interval, to 65535 s.
    ZeroOrFromMaxInterval(Duration),
    /// At most this, which is the valid lifetime.
    AtMostValidLifetime(Duration),
    /// A whole number of seconds, because the packet carries seconds.
    WholeSeconds,
}

/// A value outside the bounds that an RFC sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("{parameter:?} is {value:?}: it must be {bound} ({})", self.rule())]
pub struct OutOfBounds {
    /// The parameter that has this value.
    pub parameter: Parameter,
    /// The value as given.
    pub value: Duration,
    /// The requirement that the value does not meet.
    pub bound: Bound,
}

impl OutOfBounds {
    /// The RFC and section of the bound.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match (self.bound, self.parameter) {
            (Bound::WholeSeconds, _) => "RFC 4861, 4.2 and 4.6.2",
            (_, Parameter::RouterLifetime) => "RFC 4861, 6.2.1; RFC 8319, 4",
            (_, Parameter::ValidLifetime) => "RFC 4861, 4.6.2",
            (_, Parameter::MinInterval | Parameter::MaxInterval | Parameter::PreferredLifetime) => {
                "RFC 4861, 6.2.1"
            }
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(least, most) => write!(f, "from {least:?} to {most:?}"),
            Self::AtMostThreeQuarters(most) => {
                write!(
                    f,
                    "at least 3s and at most {most:?}, which is 0.75 of the maximum interval"
                )
            }
            Self::ZeroOrFromMaxInterval(least) => {
                write!(
                    f,
                    "0s, or from {least:?}, which is the maximum interval, to 65535s"
                )
            }
            Self::AtMostValidLifetime(most) => {
                write!(f, "at most {most:?}, which is the valid lifetime")
            }
            Self::WholeSeconds => f.write_str("a whole number of seconds"),
        }
    }
}

impl RaPolicy {
    /// Checks the `given` values against the bounds of RFC 4861, 6.2.1 and
    /// RFC 8319, 4. Lifetimes must be whole seconds.
    ///
    /// # Errors
    /// The first value that is out of its bounds.
    pub fn new(given: &RaParameters) -> Result<Self, OutOfBounds> {
        let refused = |parameter, value, bound| OutOfBounds {
            parameter,
            value,
            bound,
        };
        let whole = |parameter, value: Duration| {
            if value.subsec_nanos() == 0 {
                Ok(value.as_secs())
            } else {
                Err(refused(parameter, value, Bound::WholeSeconds))
            }
        };

        let max = given.max_interval;
        let (least, most) = MAX_RTR_ADV_INTERVAL_BOUNDS;
        if max < least || max > most {
            return Err(refused(Parameter::MaxInterval, max, Bound::Within(least, most)));
        }
        let min = given.min_interval;
        let three_quarters = max * 3 / 4;
        if min < LEAST_MIN_RTR_ADV_INTERVAL || min > three_quarters {
            let bound = Bound::AtMostThreeQuarters(three_quarters);
            return Err(refused(Parameter::MinInterval, min, bound));
        }

        let router = given.router_lifetime;
        let router_lifetime = whole(Parameter::RouterLifetime, router)?;
        if !router.is_zero() && (router < max || router > MAX_ROUTER_LIFETIME) {
            let bound = Bound::ZeroOrFromMaxInterval(max);
            return Err(refused(Parameter::RouterLifetime, router, bound));
        }

        let valid = given.valid_lifetime;
        let valid_lifetime = whole(Parameter::ValidLifetime, valid)?;
        if valid > MAX_PREFIX_LIFETIME {
            let bound = Bound::Within(Duration::ZERO, MAX_PREFIX_LIFETIME);
            return Err(refused(Parameter::ValidLifetime, valid, bound));
        }
        let preferred = given.preferred_lifetime;
        let preferred_lifetime = whole(Parameter::PreferredLifetime, preferred)?;
        if preferred > valid {
            let bound = Bound::AtMostValidLifetime(valid);
            return Err(refused(Parameter::PreferredLifetime, preferred, bound));
        }
        Ok(Self {
            min_interval: min,
            max_interval: max,
            router_lifetime: u16::try_from(router_lifetime).unwrap_or(u16::MAX),
            valid: Lifetime::from_bits(u32::try_from(valid_lifetime).unwrap_or(u32::MAX)),
            preferred: Lifetime::from_bits(u32::try_from(preferred_lifetime).unwrap_or(u32::MAX)),
        })
    }

    /// `MinRtrAdvInterval`: from 3 s to 0.75 of the maximum interval.
    #[must_use]
    pub fn min_interval(&self) -> Duration {
        self.min_interval
    }

    /// `MaxRtrAdvInterval`: from 4 s to 1800 s.
    #[must_use]
    pub fn max_interval(&self) -> Duration {
        self.max_interval
    }

    /// `AdvDefaultLifetime` in seconds: 0 (not a default router), or at least the maximum interval.
    #[must_use]
    pub fn router_lifetime(&self) -> u16 {
        self.router_lifetime
    }

    /// The upper limit of the advertised valid lifetime (`AdvValidLifetime`).
    #[must_use]
    pub fn valid(&self) -> Lifetime {
        self.valid
    }

    /// The upper limit of the advertised preferred lifetime
    /// (`AdvPreferredLifetime`); at most [`Self::valid`].
    #[must_use]
    pub fn preferred(&self) -> Lifetime {
        self.preferred
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The values of an instance without any configuration.
    pub(crate) fn parameters() -> RaParameters {
        RaParameters {
            min_interval: Duration::from_secs(20),
            max_interval: Duration::from_secs(60),
            router_lifetime: Duration::from_secs(180),
            valid_lifetime: Duration::from_secs(86_400),
            preferred_lifetime: Duration::from_secs(14_400),
        }
    }

    #[test]
    fn the_defaults_are_accepted() {
        let policy = RaPolicy::new(&parameters()).unwrap();
        assert_eq!(policy.router_lifetime(), 180);
        assert_eq!(policy.valid().to_bits(), 86_400);
        assert_eq!(policy.preferred().to_bits(), 14_400);
        assert_eq!(policy.min_interval(), Duration::from_secs(20));
        assert_eq!(policy.max_interval(), Duration::from_secs(60));
    }

    #[test]
    fn an_error_has_the_parameter_the_bound_and_the_rule() {
        let refused = RaPolicy::new(&RaParameters {
            router_lifetime: Duration::from_secs(30),
            ..parameters()
        })
        .unwrap_err();
        assert_eq!(
            (refused.parameter, refused.bound),
            (
                Parameter::RouterLifetime,
                Bound::ZeroOrFromMaxInterval(Duration::from_secs(60))
            )
        );
        assert_eq!(refused.rule(), "RFC 4861, 6.2.1; RFC 8319, 4");
        assert_eq!(
            refused.bound.to_string(),
            "0s, or from 60s, which is the maximum interval, to 65535s"
        );
    }
}
