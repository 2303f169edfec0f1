//! What is logged: each change once, and the counters at the heartbeat interval.

use std::io;
use std::net::Ipv6Addr;
use std::time::{Duration, SystemTime};

use autora_core::counters::Counters;
use autora_core::eligibility::{Reason, Verdict};
use autora_core::interface_name::IfName;
use autora_core::lifetime::Lifetime;
use autora_core::other_routers::OtherRouters;
use autora_core::prefix::Prefix64;
use autora_core::rate_limit::RateLimit;
use autora_core::router::{Purpose, Transmission};
use autora_core::time::Instant;

use super::outside::{Event, Outside};
use crate::advice::{explain, not_forwarded};

/// The state of the instance in the operator's terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum InstanceState {
    Advertising {
        prefix: Prefix64,
        source: Ipv6Addr,
        is_deprecated: bool,
        host_forwards: bool,
    },
    Waiting(Reason),
}

/// Logs what changes, counts the rest.
#[derive(Debug)]
pub(super) struct Report {
    name: IfName,
    pub(super) counters: Counters,
    state: Option<InstanceState>,
    /// The state that was logged last, and the changes since.
    logged_state: Option<InstanceState>,
    unlogged_changes: u32,
    changes: RateLimit,
    since: SystemTime,
    /// The same moment on the clock that state files use.
    changed: Instant,
    /// The `errno` of the last send if it failed; 0 if unknown.
    send_error: Option<i32>,
    other_routers: OtherRouters,
    heartbeat: Option<Duration>,
    last_heartbeat: Instant,
}

impl Report {
    pub(super) fn new(name: IfName, heartbeat: Option<Duration>, now: Instant, wall: SystemTime) -> Self {
        Self {
            name,
            counters: Counters::default(),
            state: None,
            logged_state: None,
            unlogged_changes: 0,
            changes: RateLimit::for_log(now),
            since: wall,
            changed: now,
            send_error: None,
            other_routers: OtherRouters::new(now),
            heartbeat,
            last_heartbeat: now,
        }
    }

    /// Takes the verdict; true if a change was logged.
    ///
    /// A guest that makes its carrier flap cannot fill the log: beyond the rate
    /// limit changes are counted, and the state that they led to is logged later.
    pub(super) fn verdict<O: Outside>(&mut self, outside: &mut O, now: Instant, verdict: &Verdict) -> bool {
        let state = match verdict {
            Verdict::Advertise(basis, prefix) => InstanceState::Advertising {
                prefix: prefix.prefix,
                source: basis.source,
                is_deprecated: prefix.preferred == Lifetime::ZERO,
                host_forwards: basis.host_forwards,
            },
            Verdict::WithdrawOnly(_, reason) | Verdict::Silent(reason) => {
                InstanceState::Waiting(reason.clone())
            }
        };
        if self.state.as_ref() == Some(&state) {
            return false;
        }
        self.state = Some(state);
        self.since = outside.wall_clock();
        self.changed = now;
        self.unlogged_changes = self.unlogged_changes.saturating_add(1);
        self.catch_up(outside, now)
    }

    /// When a change that was not logged may be logged.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        // The limit may have ended since the last attempt: then it is due at once.
        (self.state != self.logged_state).then(|| self.changes.blocked_until(now).unwrap_or(now))
    }

    /// Logs a change that was held back by the rate limit, if the limit allows it now.
    pub(super) fn catch_up<O: Outside>(&mut self, outside: &mut O, now: Instant) -> bool {
        if self.state == self.logged_state || self.changes.blocked_until(now).is_some() {
            return false;
        }
        self.changes.take(now);
        let skipped = self.unlogged_changes.saturating_sub(1);
        match &self.state {
            Some(InstanceState::Advertising {
                prefix,
                source,
                is_deprecated,
                host_forwards,
            }) => outside.log(&Event::Advertising {
                prefix: *prefix,
                source: *source,
                is_deprecated: *is_deprecated,
                host_forwards: *host_forwards,
                skipped,
            }),
            Some(InstanceState::Waiting(reason)) => outside.log(&Event::NotAdvertising { reason, skipped }),
            None => {}
        }
        self.logged_state.clone_from(&self.state);
        self.unlogged_changes = 0;
        true
    }

    pub(super) fn sent<O: Outside>(&mut self, outside: &mut O, transmission: &Transmission) {
        self.counters.ras_sent += 1;
        if transmission.purpose == (Purpose::Serve { answers: true }) {
            self.counters.solicitations_answered += 1;
        }
        if self.send_error.take().is_some() {
            outside.log(&Event::SendWorks);
        }
        outside.log(&Event::Sent(transmission));
    }

    pub(super) fn send_failed<O: Outside>(&mut self, outside: &mut O, error: &io::Error) {
        self.counters.send_errors += 1;
        let errno = error.raw_os_error().unwrap_or(0);
        if self.send_error != Some(errno) {
            self.send_error = Some(errno);
            outside.log(&Event::SendFailed(error));
        }
    }

    /// An advertisement of another router on the link.
    pub(super) fn other_router<O: Outside>(&mut self, outside: &mut O, source: Ipv6Addr) {
        self.counters.foreign_ras_received += 1;
        let now = outside.now();
        if let Some(is_last) = self.other_routers.heard(now, source) {
            outside.log(&Event::OtherRouter { source, is_last });
        }
    }

    /// Logs the counters if it is time to; called on every wake-up.
    pub(super) fn heartbeat<O: Outside>(&mut self, outside: &mut O, now: Instant) {
        let Some(interval) = self.heartbeat else {
            return;
        };
        if now.saturating_since(self.last_heartbeat) < interval {
            return;
        }
        self.last_heartbeat = now;
        outside.log(&Event::Heartbeat {
            status: &self.status(),
            counters: &self.counters,
        });
    }

    /// The state, and since when.
    pub(super) fn state(&self) -> (Option<&InstanceState>, Instant) {
        (self.state.as_ref(), self.changed)
    }

    /// One line for `systemctl status`.
    pub(super) fn status(&self) -> String {
        let since = humantime::format_rfc3339_seconds(self.since);
        let fails = match self.send_error {
            Some(errno) => format!("; sending fails ({})", io::Error::from_raw_os_error(errno)),
            None => String::new(),
        };
        let counts = format!(
            "{} RAs sent, {} RSs answered{fails}",
            self.counters.ras_sent, self.counters.solicitations_answered
        );
        match &self.state {
            Some(InstanceState::Advertising {
                prefix,
                source,
                is_deprecated,
                host_forwards,
            }) => {
                let deprecated = if *is_deprecated { " (deprecated)" } else { "" };
                let but = if *host_forwards {
                    String::new()
                } else {
                    format!("; {}", not_forwarded(&self.name))
                };
                format!("advertising {prefix}{deprecated} from {source} since {since}{but}; {counts}")
            }
            Some(InstanceState::Waiting(reason)) => {
                format!(
                    "not advertising since {since}: {}; {counts}",
                    explain(reason, &self.name)
                )
            }
            None => format!("starting since {since}"),
        }
    }
}
