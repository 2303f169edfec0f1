//! The state that an instance publishes.

use std::borrow::Cow;
use std::process;

use autora_core::counters::Counters;
use autora_core::eligibility::Reason;
use autora_core::link::LinkIdentity;
use autora_core::time::Instant;
use log::{debug, warn};

use super::report::{InstanceState, Report};
use crate::VERSION;
use crate::advice::{HOST_NOT_FORWARDING, explain, not_forwarded};
use crate::state_file::{self, Handover, Record, State, StateFile};

/// The values that do not change while the process runs.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The link that is served.
    pub link: LinkIdentity,
    /// How many processes served it before.
    pub restarts: u64,
    /// The process id.
    pub pid: u32,
    /// When the process started.
    pub started: Instant,
}

/// The current record. It allocates nothing while the interface is advertised.
pub(super) fn record<'a>(
    origin: &'a Origin,
    report: &'a Report,
    stopping: bool,
    first_failed_send: Option<Instant>,
    send_at: Option<Instant>,
    handover: &Handover,
) -> Record<'a> {
    let (state, since) = report.state();
    let mut record = Record {
        since,
        counters: report.counters,
        // After failed sends: when the first of them was due, not the next attempt.
        next_ra: send_at.map(|due| first_failed_send.map_or(due, |failed| failed.min(due))),
        handover: *handover,
        ..origin.first_record()
    };
    match state {
        None => {}
        Some(InstanceState::Advertising {
            prefix,
            source,
            host_forwards,
            ..
        }) => {
            if !host_forwards {
                record.reason = HOST_NOT_FORWARDING.into();
                record.explanation = not_forwarded(&origin.link.name).into();
            }
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
            record.explanation = explain(reason, &origin.link.name).to_string().into();
        }
    }
    if stopping {
        record.state = State::Stopping;
    }
    record
}

/// Creates the state file, if possible, and returns the handover of an earlier
/// process.
pub(super) fn open_state_file(origin: &mut Origin) -> (Option<StateFile>, Handover) {
    let mut first = origin.first_record();
    let opened = StateFile::open(&mut first);
    let (restarts, handover) = (first.restarts, first.handover);
    origin.restarts = restarts;
    match opened {
        Ok(file) => return (Some(file), handover),
        Err(error) => {
            let name = &origin.link.name;
            let what =
                "autora status does not show it, and after a restart an advertisement may come too soon";
            if state_file::has_runtime_directory() {
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

impl Origin {
    /// That of this process.
    pub(super) fn new(link: LinkIdentity, now: Instant) -> Self {
        Self {
            link,
            restarts: 0,
            pid: process::id(),
            started: now,
        }
    }

    fn first_record(&self) -> Record<'_> {
        Record {
            interface: Cow::Borrowed(&self.link.name),
            ifindex: self.link.ifindex,
            namespace: self.link.namespace,
            namespace_cookie: self.link.namespace_cookie,
            link_id: self.link.link_id,
            pid: self.pid,
            version: VERSION.into(),
            started: self.started,
            restarts: self.restarts,
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
