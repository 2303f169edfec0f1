//! How a life is set up.

use std::time::Duration;

use autora::config::{Config, Durations, Settings};

use super::{SECOND, World};

/// What happens at the end, and is judged then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finale {
    Stop,
    ForwardingOff,
    PrefixGone,
    Nothing,
}

/// An address that is given for a span, and renewed after each period.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    pub span: u64,
    pub period: u64,
}

#[derive(Clone, Copy, Debug)]
pub struct Setting {
    pub finale: Finale,
    pub lease: Option<Lease>,
    pub noise: u64,
    /// In nanoseconds.
    pub min_interval: u64,
    pub max_interval: u64,
    /// In seconds, as in packets.
    pub router_lifetime: u16,
    pub valid: u32,
    pub preferred: u32,
    resync: u64,
}

impl Setting {
    pub fn new(head: [u8; 8]) -> Self {
        let [finale, config, lease, noise @ ..] = head;
        let noise = noise.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        // Minimum and maximum interval, router lifetime, valid and preferred
        // lifetime, resync.
        let (min, max, router_lifetime, valid, preferred, resync) = match config % 8 {
            0..4 => (20, 60, 180, 86_400, 14_400, 60),
            4 => (3, 4, 12, 100, 60, 5),
            5 => (3, 10, 30, 30, 20, 86_400),
            // Not a default router.
            6 => (3, 20, 0, u32::MAX, u32::MAX, 60),
            // Lifetimes that are meant to end.
            _ => (20, 60, 180, 40, 15, 60),
        };
        let every = |span, period| {
            Some(Lease {
                span: span * SECOND,
                period: period * SECOND,
            })
        };
        Self {
            finale: match finale % 4 {
                0 => Finale::Nothing,
                1 => Finale::ForwardingOff,
                2 => Finale::PrefixGone,
                _ => Finale::Stop,
            },
            lease: match lease {
                0..40 => every(50, 25),
                40..60 => every(20, 10),
                60..80 => every(3600, 1800),
                _ => None,
            },
            noise,
            min_interval: min * SECOND,
            max_interval: max * SECOND,
            router_lifetime,
            valid,
            preferred,
            resync,
        }
    }

    pub fn config(&self) -> Config {
        let secs = Duration::from_secs;
        Config::try_from(&Settings {
            interface_regex: "^tap-vm-1$".to_owned(),
            durations: Durations {
                min_ra_interval: Duration::from_nanos(self.min_interval),
                max_ra_interval: Duration::from_nanos(self.max_interval),
                router_lifetime: secs(self.router_lifetime.into()),
                pio_valid_lifetime: secs(self.valid.into()),
                pio_preferred_lifetime: secs(self.preferred.into()),
                forwarding_resync_interval: secs(self.resync),
                heartbeat_interval: Duration::from_nanos(World::HEARTBEAT),
            },
        })
        .unwrap()
    }

    /// How long it is silent for another daemon.
    pub fn yielding(&self) -> u64 {
        3 * self.max_interval
    }

    /// How long a peace lasts: until the schedule has settled, and then some.
    pub fn peace(&self) -> u64 {
        self.yielding() + 5 * self.max_interval + 60 * SECOND
    }

    /// How long a lease is that ends within a minute.
    pub fn short_lease(&self) -> u64 {
        let lease = self.lease.filter(|lease| lease.span < 60 * SECOND);
        lease.map_or(0, |lease| lease.span)
    }

    /// Whether hosts are meant to keep what is advertised.
    pub fn keeps_prefix(&self) -> bool {
        u64::from(self.preferred) * SECOND > self.max_interval
    }
}
