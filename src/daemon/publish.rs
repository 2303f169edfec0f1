//! What the instance publishes of itself, and when.

use std::borrow::Cow;
use std::process;

use autora_core::counters::Counters;
use autora_core::eligibility::Reason;
use autora_core::interface_name::IfName;
use autora_core::time::Instant;
use log::{debug, warn};

use super::Daemon;
use super::report::InstanceState;
use crate::VERSION;
use crate::advice::explain;
use crate::kernel::namespace;
use crate::state_file::{self, Handover, Record, State, StateFile};

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
        let Some(mut file) = self.state_file.take() else {
            return;
        };
        match file.write(&self.record()) {
            Ok(()) => self.state_file = Some(file),
            Err(error) => warn!(
                "{}: cannot write its file in the runtime directory ({error}): autora status does not show it any \
                 more, and after a restart an advertisement may come too soon; look at it with df and ls -l",
                self.name
            ),
        }
    }

    /// In the steady state of an advertised interface this allocates nothing.
    fn record(&self) -> Record<'_> {
        let (state, since) = self.report.state();
        let mut record = Record {
            restarts: self.origin.restarts,
            since,
            counters: self.report.counters,
            next_ra: self.next_ra(),
            handover: self.handover,
            ..self.origin.first_record(&self.name, self.ifindex)
        };
        match state {
            None => {}
            Some(InstanceState::Advertising { prefix, source }) => {
                record.state = State::Advertising;
                record.prefix = Some(*prefix);
                record.source = Some(*source);
            }
            Some(InstanceState::Waiting(reason)) => {
                record.state = match reason {
                    Reason::OtherDaemon => State::Yielding,
                    _ => State::Waiting,
                };
                record.reason = reason.key().into();
                record.explanation = explain(reason, &self.name).to_string().into();
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
        Some(self.first_failed_send.map_or(due, |owed| owed.min(due)))
    }
}

impl Origin {
    /// That of this process.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            // Without /proc there is but one namespace to be seen.
            namespace: namespace::own().unwrap_or(0),
            restarts: 0,
            pid: process::id(),
            started: now,
        }
    }

    /// Makes the file of the instance, if one can be had; returns what the
    /// process before left in it.
    pub(super) fn open_state_file(&mut self, name: &IfName, ifindex: u32) -> (Option<StateFile>, Handover) {
        let mut first = self.first_record(name, ifindex);
        let opened = StateFile::open(&mut first);
        self.restarts = first.restarts;
        let handover = first.handover;
        match opened {
            Ok(file) => return (Some(file), handover),
            Err(error) => {
                let what =
                    "autora status does not show it, and after a restart an advertisement may come too soon";
                if state_file::is_given() {
                    warn!(
                        "{name}: cannot make a file in $RUNTIME_DIRECTORY ({error}): {what}; look at it with df and ls -l"
                    );
                } else {
                    debug!(
                        "{name}: cannot make a file in {} ({error}): {what}",
                        state_file::DIRECTORY
                    );
                }
            }
        }
        (None, handover)
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
            handover: Handover::default(),
        }
    }
}
