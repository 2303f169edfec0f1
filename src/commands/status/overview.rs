//! The data of all formats: the instances, and the interfaces without one.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use autora_core::eligibility::judge;
use autora_core::interface_name::IfName;
use autora_core::neighbour::{Guest, NeighbourTable};
use autora_core::other_senders::OtherSenders;
use autora_core::time::Instant;

use super::Selection;
use super::absence::{Manager, UNPUBLISHED, cause};
use super::wanted::Wanted;
use crate::advice::{explain, shell};
use crate::commands::guest::Seen;
use crate::commands::{CommandError, all_interfaces, real_name};
use crate::config::SERVES_NOTHING;
use crate::config::instance::{ForAll, Given, InstanceSettings};
use crate::kernel::rtnetlink::Reader;
use crate::kernel::{clock, interfaces, namespace};
use crate::state_file::{self, Record, State};
use crate::systemd::unit_name;

/// How late an advertisement may be before its instance counts as overdue.
const GRACE: Duration = Duration::from_secs(10);

/// The state of the host at one moment.
#[derive(Debug)]
pub(super) struct Overview {
    pub(super) clock: Clock,
    pub(super) instances: Vec<Instance>,
    pub(super) missing: Vec<MissingInstance>,
    /// Whether interfaces were named, of which everything is shown.
    pub(super) is_detailed: bool,
    /// The size of the neighbour table, if the kernel tells.
    pub(super) neighbour_table: Option<NeighbourTable>,
    /// The pattern of the interfaces that should have an instance; `None` if it is refused.
    pub(super) pattern: Option<String>,
}

/// A process that serves an interface.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) record: Record<'static>,
    /// Whether it is in another network namespace than this process.
    pub(super) in_other_namespace: bool,
    /// Whether its next advertisement is late by more than [`GRACE`]: it hangs,
    /// or its sends fail.
    pub(super) overdue: bool,
    /// Until when it yields to another daemon that is silent from now on, if it has the
    /// settings of the files.
    pub(super) yields_until: Option<Instant>,
    /// What the neighbour table has of its guest, or why that is unknown.
    pub(super) guest: Result<Guest, String>,
}

/// An interface of this network namespace that should have an instance but has none
/// that publishes its state.
#[derive(Debug)]
pub(super) struct MissingInstance {
    pub(super) name: IfName,
    pub(super) state: MissingState,
    /// A stable name of the cause.
    pub(super) reason: &'static str,
    /// The cause in a sentence that says what to do.
    pub(super) explanation: String,
    /// Why an instance would not advertise once it is started.
    pub(super) blocked: Option<String>,
}

/// What is known of an instance that publishes no state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum MissingState {
    /// There is none.
    Absent,
    /// It runs, and only its state is unknown.
    Running,
    /// It runs, and sends nothing.
    DryRun,
}

impl MissingState {
    fn of(reason: &str) -> Self {
        match reason {
            UNPUBLISHED => Self::Running,
            "dry-run" => Self::DryRun,
            _ => Self::Absent,
        }
    }

    /// A stable name for metrics and scripts.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Running => "running",
            Self::DryRun => "dry-run",
        }
    }
}

/// The boot-time clock and the wall clock at the same moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) now: Instant,
    pub(super) wall: SystemTime,
}

impl Clock {
    fn read() -> Self {
        Self {
            now: clock::now(),
            wall: SystemTime::now(),
        }
    }

    /// The wall clock's time at `at`, if the clock was not set in between. Never
    /// before the epoch.
    pub(super) fn wall(&self, at: Instant) -> SystemTime {
        let ago = self.now.saturating_since(at);
        let ahead = at.saturating_since(self.now);
        self.wall
            .checked_sub(ago)
            .and_then(|wall| wall.checked_add(ahead))
            .map_or(UNIX_EPOCH, |wall| wall.max(UNIX_EPOCH))
    }
}

impl Overview {
    /// The overview of the interfaces `names`, or of all if it is empty.
    /// `wanted` is `None` if the pattern is refused. The records are from `directory`.
    pub(super) fn of(
        running: Vec<Record<'static>>,
        directory: &Path,
        wanted: Option<&Wanted>,
        names: &[IfName],
    ) -> Result<Self, CommandError> {
        let clock = Clock::read();
        let settings = LazyCell::new(|| ForAll::read(Given::pattern(SERVES_NOTHING)));
        let here = namespace::inode().map_err(CommandError::os("cannot read /proc/self/ns/net"))?;
        let interfaces = all_interfaces()?;
        let selected = |name: &IfName| names.is_empty() || names.contains(name);
        let mut instances: Vec<_> = running
            .into_iter()
            .filter(|record| selected(&record.interface))
            .map(|record| Instance {
                in_other_namespace: record.namespace != here,
                yields_until: yields_until(&record, || settings.of(&record.interface).ok(), clock.now),
                overdue: record.next_ra.is_some_and(|due| due + GRACE < clock.now),
                guest: Err("it is in another network namespace".to_owned()),
                record,
            })
            .collect();
        instances.sort_by_cached_key(|i| {
            (
                i.in_other_namespace,
                i.record.namespace,
                natural_sort_key(&i.record.interface),
            )
        });

        let neighbour_table = see_guests(&mut instances);
        let served: BTreeSet<u32> = instances
            .iter()
            .filter(|instance| !instance.in_other_namespace)
            .map(|instance| instance.record.ifindex)
            .collect();
        let mut missing = Vec::new();
        let mut unserved = Vec::new();
        for (index, name) in &interfaces {
            if !selected(name) || served.contains(index) {
                continue;
            }
            match wanted.map(|wanted| wanted.matches(name)) {
                Some(Ok(true)) => unserved.push((*index, name)),
                Some(Err(refused)) => {
                    missing.push(MissingInstance::new(name, "pattern-refused", refused.to_string()));
                }
                Some(Ok(false)) if names.contains(name) => missing.push(not_matching(name, wanted)),
                Some(Ok(false)) | None => {}
            }
        }
        for name in names {
            let exists = interfaces.iter().any(|(_, found)| found == name);
            if !exists && !instances.iter().any(|i| *i.record.interface == *name) {
                missing.push(not_existing(name));
            }
        }
        missing.extend(with_causes(&unserved, directory));
        missing.sort_by_cached_key(|w| natural_sort_key(&w.name));
        Ok(Self {
            clock,
            instances,
            missing,
            is_detailed: !names.is_empty(),
            neighbour_table,
            pattern: wanted.map(Wanted::pattern),
        })
    }

    /// Whether an instance started after the state files were read: it runs
    /// according to systemd, but no state of it was found.
    pub(super) fn is_outdated(&self) -> bool {
        self.missing.iter().any(|missing| missing.reason == UNPUBLISHED)
    }

    /// Only what `selection` selects.
    pub(super) fn only(mut self, selection: Selection) -> Self {
        self.instances.retain(|instance| {
            let waits = !instance.overdue && instance.record.state != State::Advertising;
            (selection.waiting && waits) || (selection.failed && instance.overdue)
        });
        if !selection.failed {
            self.missing.clear();
        }
        self
    }

    /// Whether no instance is missing or overdue.
    pub(super) fn is_well(&self) -> bool {
        self.missing.is_empty() && !self.instances.iter().any(|instance| instance.overdue)
    }
}

impl MissingInstance {
    fn new(name: &IfName, reason: &'static str, explanation: String) -> Self {
        Self {
            name: *name,
            state: MissingState::of(reason),
            reason,
            explanation,
            blocked: None,
        }
    }

    /// The cause, and what would keep an instance from advertising.
    pub(super) fn whole_explanation(&self) -> String {
        match &self.blocked {
            Some(blocked) => format!("{}; {}", self.explanation, once_started(blocked)),
            None => self.explanation.clone(),
        }
    }
}

/// Said of an interface without an instance.
pub(super) fn once_started(blocked: &str) -> String {
    format!("once started, it would not advertise: {blocked}")
}

/// Reads what the neighbour table has of the guests in this network namespace, and its size.
fn see_guests(instances: &mut [Instance]) -> Option<NeighbourTable> {
    let here = |instance: &&mut Instance| !instance.in_other_namespace;
    let links: Vec<_> = instances
        .iter_mut()
        .filter(here)
        .map(|instance| (instance.record.ifindex, instance.record.prefix))
        .collect();
    let mut seen = Seen::read(&links);
    for instance in instances.iter_mut().filter(here) {
        instance.guest = seen.take(instance.record.ifindex);
    }
    seen.table
}

/// When the instance stops to yield. Its own interval is not in the record: that of
/// the files is taken.
fn yields_until(
    record: &Record,
    settings: impl FnOnce() -> Option<InstanceSettings>,
    now: Instant,
) -> Option<Instant> {
    let foreign = record
        .handover
        .foreign
        .filter(|_| record.state == State::Yielding)?;
    OtherSenders::new(settings()?.config.ra.max_interval(), Some(foreign)).yields_until(now)
}

/// No interface has this name, but perhaps as an alternative one.
fn not_existing(name: &IfName) -> MissingInstance {
    if let Some(real) = real_name(name) {
        let what = format!(
            "{name} is an alternative name of {real}: autora status {}",
            shell::interface(&real)
        );
        return MissingInstance::new(name, "alternative-name", what);
    }
    let what = "there is no such interface in this network namespace: see ip link".to_owned();
    MissingInstance::new(name, "no-interface", what)
}

/// The interfaces `unserved`, which match and have no instance, with the cause.
fn with_causes(unserved: &[(u32, &IfName)], directory: &Path) -> Vec<MissingInstance> {
    let manager = Manager::of_this_host();
    let names: Vec<_> = unserved.iter().map(|&(_, name)| name).collect();
    let units = manager.units(&names);
    let explain = |&(index, name): &(u32, &IfName)| {
        let (reason, explanation) = cause(manager, units.get(&unit_name::service(name)), name, directory);
        let missing = MissingInstance::new(name, reason, explanation);
        let is_absent = missing.state == MissingState::Absent;
        MissingInstance {
            blocked: is_absent.then(|| blocking_reason(index, name)).flatten(),
            ..missing
        }
    };
    unserved.iter().map(explain).collect()
}

fn not_matching(name: &IfName, wanted: Option<&Wanted>) -> MissingInstance {
    let pattern = wanted.map(Wanted::pattern).unwrap_or_default();
    let what = format!(
        "the name does not match the pattern '{pattern}': set AUTORA_INTERFACE_REGEX in /etc/default/autora, \
         then systemctl reload autora"
    );
    MissingInstance::new(name, "no-match", what)
}

/// Why an instance on the interface would not advertise; `None` if it would, or
/// if that is unknown.
fn blocking_reason(index: u32, name: &IfName) -> Option<String> {
    let mut reader = Reader::new(index, *name).ok()?;
    let link = reader.read().ok()?;
    // A new instance yields if the count has changed since the last one read it.
    let link_identity = interfaces::identity(*name, index);
    let known = state_file::load_handover(&link_identity, clock::now())
        .ok()?
        .foreign;
    let yields = link.foreign_ras != known.map_or(0, |seen| seen.count);
    let verdict = judge(link, yields, None);
    Some(explain(verdict.reason()?, name).to_string())
}

/// `tap-vm-2` comes before `tap-vm-10`.
fn natural_sort_key(name: &IfName) -> (Vec<u8>, u64) {
    let bytes = name.as_bytes();
    let digits = bytes.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (stem, number) = bytes.split_at(bytes.len() - digits);
    let number = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
    (stem.to_vec(), number.unwrap_or(0))
}
