//! What the instance publishes of itself, and when.

use std::borrow::Cow;
use std::process;

use log::{debug, warn};

use super::Daemon;
use super::report::Standing;
use crate::eligibility::Reason;
use crate::ifname::IfName;
use crate::publication::{self, Publication, Record, State};
use crate::time::Instant;

/// What does not change while the process lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) namespace: u64,
    pub(super) restarts: u64,
    pid: u32,
    started: Instant,
}

impl Origin {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            // Without /proc there is but one namespace to be seen.
            namespace: publication::own_namespace().unwrap_or(0),
            restarts: 0,
            pid: process::id(),
            started: now,
        }
    }
}

impl Daemon {
    /// Publishes what is news. To be called right before each sleep, so that
    /// there are never more writes than wake-ups, and before each send.
    pub(super) fn publish(&mut self) {
        let Some(mut publication) = self.publication.take() else {
            return;
        };
        match publication.write(&self.record()) {
            Ok(()) => self.publication = Some(publication),
            Err(error) => warn!(
                "{}: cannot write its file in the runtime directory: {error}; autora status does not show it \
                 any more, and a restart may send too soon",
                self.name
            ),
        }
    }

    /// In the steady state of an advertised interface this allocates nothing.
    fn record(&self) -> Record<'_> {
        let (standing, since) = self.report.standing();
        let mut record = Record {
            interface: Cow::Borrowed(&self.name),
            ifindex: self.ifindex,
            namespace: self.origin.namespace,
            pid: self.origin.pid,
            version: env!("CARGO_PKG_VERSION").into(),
            started: self.origin.started,
            restarts: self.origin.restarts,
            state: State::Starting,
            since,
            prefix: None,
            source: None,
            reason: "".into(),
            explanation: "".into(),
            counters: self.report.counters,
            next_ra: self.next_ra(),
            memory: self.memory,
        };
        match standing {
            None => {}
            Some(Standing::Advertising { prefix, source }) => {
                record.state = State::Advertising;
                record.prefix = Some(*prefix);
                record.source = Some(*source);
            }
            Some(Standing::Waiting(reason)) => {
                record.state = match reason {
                    Reason::OtherDaemon => State::Yielding,
                    _ => State::Waiting,
                };
                record.reason = reason.key().into();
                record.explanation = reason.explain(&self.name).to_string().into();
            }
        }
        if self.stopping {
            record.state = State::Stopping;
        }
        record
    }

    /// When the next advertisement is due. After a failed one, that is when
    /// that was: however late the next attempt, guests wait since then.
    fn next_ra(&self) -> Option<Instant> {
        let due = self.router.deadline()?;
        Some(self.owed_since.map_or(due, |owed| owed.min(due)))
    }
}

/// The file of the instance, if one can be had, and what it held.
pub(super) fn open_publication(
    name: &IfName,
    ifindex: u32,
    namespace: u64,
) -> (Option<Publication>, Option<Record<'static>>) {
    match Publication::open(ifindex, namespace) {
        Ok((publication, before)) => (Some(publication), before),
        Err(error) => {
            let what = "autora status does not show it, and a restart may send too soon";
            if publication::is_given() {
                warn!("{name}: cannot make a file in $RUNTIME_DIRECTORY: {error}; {what}");
            } else {
                debug!(
                    "{name}: cannot make a file in {}: {error}; {what}",
                    publication::DIRECTORY
                );
            }
            (None, None)
        }
    }
}
