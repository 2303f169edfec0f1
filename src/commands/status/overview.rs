//! What is to be shown: the instances, and the interfaces without one.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use autora_core::eligibility::judge;
use autora_core::interface_name::IfName;
use autora_core::time::Instant;

use super::absence::{Manager, UNPUBLISHED, cause};
use super::wanted::Wanted;
use crate::advice::explain;
use crate::commands::{CommandError, all_interfaces};
use crate::kernel::rtnetlink::Reader;
use crate::kernel::{clock, interfaces, namespace};
use crate::state_file::{self, Record};
use crate::systemd::unit_name;

/// An advertisement may be this late before its instance is called overdue.
const GRACE: Duration = Duration::from_secs(10);

/// All of it, at one moment.
#[derive(Debug)]
pub(super) struct Overview {
    pub(super) clock: Clock,
    pub(super) instances: Vec<Instance>,
    pub(super) missing: Vec<MissingInstance>,
    /// What decides what should have an instance.
    pub(super) pattern: Option<String>,
}

/// A process that serves an interface.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) record: Record<'static>,
    /// It is in another network namespace than this process.
    pub(super) elsewhere: bool,
    /// Its next advertisement should have been sent long ago: it hangs, or its
    /// sends fail.
    pub(super) overdue: bool,
}

/// An interface of this network namespace that should have an instance.
#[derive(Debug)]
pub(super) struct MissingInstance {
    pub(super) name: IfName,
    /// A stable name of the cause.
    pub(super) reason: &'static str,
    /// The same in sentences, with what to do.
    pub(super) explanation: String,
}

/// Both clocks at the same moment.
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

    /// What the wall clock shows at `at`, as far as it is not set meanwhile.
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
    /// Puts together what is known of the interfaces of these `names`, or of all.
    pub(super) fn of(
        running: Vec<Record<'static>>,
        wanted: Option<&Wanted>,
        names: &[IfName],
    ) -> Result<Self, CommandError> {
        let clock = Clock::read();
        let here = namespace::inode().map_err(CommandError::os("cannot look at /proc/self/ns/net"))?;
        let interfaces = all_interfaces()?;
        let asked = |name: &IfName| names.is_empty() || names.contains(name);
        let mut instances: Vec<_> = running
            .into_iter()
            .filter(|record| asked(&record.interface))
            .map(|record| Instance {
                elsewhere: record.namespace != here,
                overdue: record.next_ra.is_some_and(|due| due + GRACE < clock.now),
                record,
            })
            .collect();
        instances.sort_by_cached_key(|i| {
            (
                i.elsewhere,
                i.record.namespace,
                natural_sort_key(&i.record.interface),
            )
        });

        let served: BTreeSet<u32> = instances
            .iter()
            .filter(|instance| !instance.elsewhere)
            .map(|instance| instance.record.ifindex)
            .collect();
        let mut missing = Vec::new();
        let mut unserved = Vec::new();
        for (index, name) in &interfaces {
            if !asked(name) || served.contains(index) {
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
                let what = "there is no such interface in this network namespace: see ip link".to_owned();
                missing.push(MissingInstance::new(name, "no-interface", what));
            }
        }
        missing.extend(explained(&unserved));
        missing.sort_by_cached_key(|w| natural_sort_key(&w.name));
        Ok(Self {
            clock,
            instances,
            missing,
            pattern: wanted.map(Wanted::shown),
        })
    }

    /// Whether an instance must have started while this was put together:
    /// systemd knows of it already, its publication was not there yet.
    pub(super) fn is_outdated(&self) -> bool {
        self.missing.iter().any(|missing| missing.reason == UNPUBLISHED)
    }

    /// Whether everything that should have an instance has one that is not
    /// overdue.
    pub(super) fn is_well(&self) -> bool {
        self.missing.is_empty() && !self.instances.iter().any(|instance| instance.overdue)
    }
}

impl MissingInstance {
    fn new(name: &IfName, reason: &'static str, explanation: String) -> Self {
        Self {
            name: *name,
            reason,
            explanation,
        }
    }
}

/// Interfaces that match and have no instance, with the cause.
fn explained(unserved: &[(u32, &IfName)]) -> Vec<MissingInstance> {
    let manager = Manager::of_this_host();
    let names: Vec<_> = unserved.iter().map(|&(_, name)| name).collect();
    let units = manager.units(&names);
    let explain = |&(index, name): &(u32, &IfName)| {
        let (reason, mut explanation) = cause(manager, units.get(&unit_name::service(name)), name);
        if let Some(blocking_reason) = blocking_reason(index, name) {
            explanation.push_str("; and then it would wait: ");
            explanation.push_str(&blocking_reason);
        }
        MissingInstance::new(name, reason, explanation)
    };
    unserved.iter().map(explain).collect()
}

fn not_matching(name: &IfName, wanted: Option<&Wanted>) -> MissingInstance {
    let pattern = wanted.map(Wanted::shown).unwrap_or_default();
    let what = format!(
        "the name does not match the pattern '{pattern}': set AUTORA_INTERFACE_REGEX in /etc/default/autora, \
         then systemctl reload autora"
    );
    MissingInstance::new(name, "no-match", what)
}

/// What would keep an instance on the interface from advertising.
fn blocking_reason(index: u32, name: &IfName) -> Option<String> {
    let mut reader = Reader::new(index).ok()?;
    let link = reader.read().ok()?;
    // A new instance yields to a count that has grown since the last one looked.
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
