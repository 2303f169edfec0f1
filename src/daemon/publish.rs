//! What the instance publishes of itself, and when.

use std::borrow::Cow;
use std::process;

use log::{debug, warn};

use super::Daemon;
use super::report::Standing;
use crate::VERSION;
use crate::counters::Counters;
use crate::eligibility::Reason;
use crate::ifname::IfName;
use crate::publication::{self, Memory, Publication, Record, State};
use crate::time::Instant;

/// What does not change while the process lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    namespace: u64,
    restarts: u64,
    pid: u32,
    started: Instant,
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
                "{}: cannot write its file in the runtime directory ({error}): autora status does not show it any \
                 more, and after a restart an advertisement may come too soon; look at it with df and ls -l",
                self.name
            ),
        }
    }

    /// In the steady state of an advertised interface this allocates nothing.
    fn record(&self) -> Record<'_> {
        let (standing, since) = self.report.standing();
        let mut record = Record {
            restarts: self.origin.restarts,
            since,
            counters: self.report.counters,
            next_ra: self.next_ra(),
            memory: self.memory,
            ..self.origin.first_record(&self.name, self.ifindex)
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

impl Origin {
    /// That of this process.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            // Without /proc there is but one namespace to be seen.
            namespace: publication::own_namespace().unwrap_or(0),
            restarts: 0,
            pid: process::id(),
            started: now,
        }
    }

    /// Makes the file of the instance, if one can be had; returns what the
    /// process before left in it.
    pub(super) fn publish(&mut self, name: &IfName, ifindex: u32) -> (Option<Publication>, Memory) {
        let mut first = self.first_record(name, ifindex);
        let opened = Publication::open(&mut first);
        self.restarts = first.restarts;
        let memory = first.memory;
        match opened {
            Ok(publication) => return (Some(publication), memory),
            Err(error) => {
                let what =
                    "autora status does not show it, and after a restart an advertisement may come too soon";
                if publication::is_given() {
                    warn!(
                        "{name}: cannot make a file in $RUNTIME_DIRECTORY ({error}): {what}; look at it with df and ls -l"
                    );
                } else {
                    debug!(
                        "{name}: cannot make a file in {} ({error}): {what}",
                        publication::DIRECTORY
                    );
                }
            }
        }
        (None, memory)
    }

    fn first_record<'a>(&self, name: &'a IfName, ifindex: u32) -> Record<'a> {
        Record {
            interface: Cow::Borrowed(name),
            ifindex,
            namespace: self.namespace,
            pid: self.pid,
            version: VERSION.into(),
            started: self.started,
            restarts: 0,
            state: State::Starting,
            since: self.started,
            prefix: None,
            source: None,
            reason: "".into(),
            explanation: "".into(),
            counters: Counters::default(),
            next_ra: None,
            memory: Memory::default(),
        }
    }
}
