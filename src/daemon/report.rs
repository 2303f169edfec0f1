//! What the operator hears: each change once, and now and then the counters.

use std::fmt::Write;
use std::io;
use std::net::Ipv6Addr;
use std::time::{Duration, SystemTime};

use autora_core::counters::Counters;
use autora_core::eligibility::{Reason, Verdict};
use autora_core::interface_name::IfName;
use autora_core::prefix::Prefix64;
use autora_core::rate_limit::RateLimit;
use autora_core::router::{Purpose, Transmission};
use autora_core::time::Instant;
use log::{Level, debug, info, log, warn};

use crate::advice::explain;
use crate::systemd::message_id::MessageId;

/// Sources of foreign advertisements that are named; later ones are counted.
const NAMED_SOURCES: usize = 16;

/// The state of the instance in the operator's terms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum InstanceState {
    Advertising { prefix: Prefix64, source: Ipv6Addr },
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
    /// The same moment, on the clock that publications use.
    changed: Instant,
    /// The last send failed, with this `errno` (0: none known).
    send_error: Option<i32>,
    sources: Vec<Ipv6Addr>,
    heartbeat: Option<Duration>,
    last_heartbeat: Instant,
}

impl Report {
    pub(super) fn new(name: IfName, heartbeat: Option<Duration>, now: Instant) -> Self {
        Self {
            name,
            counters: Counters::default(),
            state: None,
            logged_state: None,
            unlogged_changes: 0,
            changes: RateLimit::for_log(now),
            since: SystemTime::now(),
            changed: now,
            send_error: None,
            sources: Vec::new(),
            heartbeat,
            last_heartbeat: now,
        }
    }

    /// Takes the verdict; true if a change was logged.
    ///
    /// A guest that makes its carrier flap cannot fill the log: when the
    /// budget is spent, changes are counted, and what they led to is shown
    /// later.
    pub(super) fn verdict(&mut self, now: Instant, verdict: &Verdict) -> bool {
        let state = match verdict {
            Verdict::Advertise(basis, prefix) => InstanceState::Advertising {
                prefix: prefix.prefix,
                source: basis.source,
            },
            Verdict::WithdrawOnly(_, reason) | Verdict::Silent(reason) => {
                InstanceState::Waiting(reason.clone())
            }
        };
        if self.state.as_ref() == Some(&state) {
            return false;
        }
        self.state = Some(state);
        self.since = SystemTime::now();
        self.changed = now;
        self.unlogged_changes += 1;
        self.catch_up(now)
    }

    /// When a change that was not logged may be.
    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.changes
            .blocked_until(now)
            .filter(|_| self.state != self.logged_state)
    }

    /// Logs the change that was not logged, if there is one and it may be.
    pub(super) fn catch_up(&mut self, now: Instant) -> bool {
        if self.state == self.logged_state || self.changes.blocked_until(now).is_some() {
            return false;
        }
        self.changes.take(now);
        let name = &self.name;
        let skipped = match self.unlogged_changes {
            0 | 1 => String::new(),
            n => format!(" ({} changes before were not logged)", n - 1),
        };
        match &self.state {
            Some(InstanceState::Advertising { prefix, source }) => {
                let (prefix, source) = (prefix.to_string(), source.to_string());
                info!(
                    MESSAGE_ID = MessageId::Advertising.id(),
                    AUTORA_PREFIX = prefix.as_str(), AUTORA_SOURCE = source.as_str();
                    "{name}: advertising {prefix} from {source}{skipped}");
            }
            Some(InstanceState::Waiting(reason)) => {
                let level = if reason.is_transient() {
                    Level::Info
                } else {
                    Level::Warn
                };
                let message = if *reason == Reason::OtherDaemon {
                    MessageId::Yielding
                } else {
                    MessageId::NotAdvertising
                };
                log!(level, MESSAGE_ID = message.id(), AUTORA_REASON = reason.key();
                    "{name}: not advertising: {}{skipped}", explain(reason, name));
            }
            None => {}
        }
        self.logged_state.clone_from(&self.state);
        self.unlogged_changes = 0;
        true
    }

    pub(super) fn sent(&mut self, tx: &Transmission) {
        let name = &self.name;
        self.counters.ras_sent += 1;
        if tx.purpose == (Purpose::Serve { answers: true }) {
            self.counters.solicitations_answered += 1;
        }
        if self.send_error.take().is_some() {
            info!(MESSAGE_ID = MessageId::SendWorks.id(); "{name}: sending works again");
        }
        match tx.purpose {
            Purpose::Withdraw => info!(
                MESSAGE_ID = MessageId::Withdrawing.id(),
                AUTORA_PREFIX = tx.ra.prefix.prefix.to_string().as_str();
                "{name}: withdrawing: router lifetime {}s, {} valid {}, preferred {}",
                tx.ra.router_lifetime, tx.ra.prefix.prefix, tx.ra.prefix.valid, tx.ra.prefix.preferred
            ),
            Purpose::Serve { .. } | Purpose::Retire => debug!(
                "{name}: sent: router lifetime {}s, {} valid {}, preferred {}",
                tx.ra.router_lifetime, tx.ra.prefix.prefix, tx.ra.prefix.valid, tx.ra.prefix.preferred
            ),
        }
    }

    pub(super) fn send_failed(&mut self, error: &io::Error) {
        self.counters.send_errors += 1;
        let errno = error.raw_os_error().unwrap_or(0);
        if self.send_error != Some(errno) {
            self.send_error = Some(errno);
            warn!(
                MESSAGE_ID = MessageId::SendFailed.id(), AUTORA_ERRNO = errno;
                "{}: a Router Advertisement could not be sent ({error}): trying again, ever more slowly; \
                 look for a firewall's egress hook (nft list ruleset) or a full queue (tc -s qdisc)",
                self.name
            );
        }
    }

    /// An advertisement of somebody else on the link.
    pub(super) fn heard_router(&mut self, source: Ipv6Addr) {
        let name = &self.name;
        self.counters.ras_heard += 1;
        if self.sources.contains(&source) || self.sources.len() >= NAMED_SOURCES {
            return;
        }
        self.sources.push(source);
        let more = match self.sources.len() {
            NAMED_SOURCES => "; further sources will only be counted",
            _ => "",
        };
        let source = source.to_string();
        warn!(
            MESSAGE_ID = MessageId::ForeignAdvertisement.id(), AUTORA_SOURCE = source.as_str();
            "{name}: {source} sends Router Advertisements on this link as well: if it is a guest, drop them \
             (RA guard; in nftables: icmpv6 type nd-router-advert drop){more}");
    }

    /// Logs the counters if it is time to; to be called on every wake-up.
    pub(super) fn heartbeat(&mut self, now: Instant) {
        let Some(interval) = self.heartbeat else {
            return;
        };
        if now.saturating_since(self.last_heartbeat) < interval {
            return;
        }
        self.last_heartbeat = now;
        let mut dropped = String::new();
        for (reason, count) in self.counters.dropped() {
            // Writing to a String does not fail.
            let _ = write!(dropped, ", {count} dropped ({reason})");
        }
        info!(
            AUTORA_RAS_SENT = self.counters.ras_sent, AUTORA_RSS_ANSWERED = self.counters.solicitations_answered;
            "{}: {}; {} send errors, {} foreign RAs heard{dropped}",
            self.name, self.status(), self.counters.send_errors, self.counters.ras_heard
        );
    }

    /// What the instance does, and since when.
    pub(super) fn state(&self) -> (Option<&InstanceState>, Instant) {
        (self.state.as_ref(), self.changed)
    }

    /// One line for `systemctl status`.
    pub(super) fn status(&self) -> String {
        let since = humantime::format_rfc3339_seconds(self.since);
        let counts = format!(
            "{} RAs sent, {} RSs answered",
            self.counters.ras_sent, self.counters.solicitations_answered
        );
        match &self.state {
            Some(InstanceState::Advertising { prefix, source }) => {
                format!("advertising {prefix} from {source} since {since}; {counts}")
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
