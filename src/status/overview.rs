//! What is to be shown: the instances, and the interfaces without one.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::absence::{Manager, UNPUBLISHED, cause};
use super::wanted::Wanted;
use crate::eligibility::judge;
use crate::exit::Failure;
use crate::ifname::IfName;
use crate::interfaces;
use crate::publication::{self, Record};
use crate::rtnetlink::Reader;
use crate::systemd::unit_name;
use crate::time::Instant;

/// An advertisement may be this late before its instance is called overdue.
const GRACE: Duration = Duration::from_secs(10);

/// All of it, at one moment.
#[derive(Debug)]
pub(super) struct Overview {
    pub(super) clock: Clock,
    pub(super) instances: Vec<Instance>,
    pub(super) without: Vec<Without>,
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
pub(super) struct Without {
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
            now: Instant::now(),
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
    ) -> Result<Self, Failure> {
        let clock = Clock::read();
        let here = publication::own_namespace()
            .map_err(|error| Failure::os("cannot look at /proc/self/ns/net", error))?;
        let interfaces = interfaces::all()?;
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
        instances.sort_by_cached_key(|i| (i.elsewhere, i.record.namespace, in_order(&i.record.interface)));

        let served: BTreeSet<u32> = instances
            .iter()
            .filter(|instance| !instance.elsewhere)
            .map(|instance| instance.record.ifindex)
            .collect();
        let mut without = Vec::new();
        let mut unserved = Vec::new();
        for (index, name) in &interfaces {
            if !asked(name) || served.contains(index) {
                continue;
            }
            match wanted.map(|wanted| wanted.matches(name)) {
                Some(Ok(true)) => unserved.push((*index, name)),
                Some(Err(what)) => without.push(Without::new(name, "pattern-refused", what)),
                Some(Ok(false)) if names.contains(name) => without.push(not_matching(name, wanted)),
                Some(Ok(false)) | None => {}
            }
        }
        for name in names {
            let exists = interfaces.iter().any(|(_, found)| found == name);
            if !exists && !instances.iter().any(|i| *i.record.interface == *name) {
                let what = "there is no such interface in this network namespace: see ip link".to_owned();
                without.push(Without::new(name, "no-interface", what));
            }
        }
        without.extend(explained(&unserved));
        without.sort_by_cached_key(|w| in_order(&w.name));
        Ok(Self {
            clock,
            instances,
            without,
            pattern: wanted.map(Wanted::shown),
        })
    }

    /// Whether an instance must have started while this was put together:
    /// systemd knows of it already, its publication was not there yet.
    pub(super) fn is_outdated(&self) -> bool {
        self.without.iter().any(|without| without.reason == UNPUBLISHED)
    }

    /// Whether everything that should have an instance has one that is not
    /// overdue.
    pub(super) fn is_well(&self) -> bool {
        self.without.is_empty() && !self.instances.iter().any(|instance| instance.overdue)
    }
}

impl Without {
    fn new(name: &IfName, reason: &'static str, explanation: String) -> Self {
        Self {
            name: *name,
            reason,
            explanation,
        }
    }
}

/// Interfaces that match and have no instance, with the cause.
fn explained(unserved: &[(u32, &IfName)]) -> Vec<Without> {
    let manager = Manager::of_this_host();
    let names: Vec<_> = unserved.iter().map(|&(_, name)| name).collect();
    let units = manager.units(&names);
    let explain = |&(index, name): &(u32, &IfName)| {
        let (reason, mut explanation) = cause(manager, units.get(&unit_name(name)), name);
        if let Some(obstacle) = obstacle(index, name) {
            explanation.push_str("; and then it would wait: ");
            explanation.push_str(&obstacle);
        }
        Without::new(name, reason, explanation)
    };
    unserved.iter().map(explain).collect()
}

fn not_matching(name: &IfName, wanted: Option<&Wanted>) -> Without {
    let pattern = wanted.map(Wanted::shown).unwrap_or_default();
    let what = format!(
        "the name does not match the pattern '{pattern}': set AUTORA_INTERFACE_REGEX in /etc/default/autora, \
         then systemctl reload autora"
    );
    Without::new(name, "no-match", what)
}

/// What would keep an instance on the interface from advertising.
fn obstacle(index: u32, name: &IfName) -> Option<String> {
    let mut reader = Reader::new(index).ok()?;
    let link = reader.read().ok()?;
    // A new instance yields to a count that has grown since the last one looked.
    let known = publication::remembered(index, Instant::now()).ok()?.foreign;
    let yields = link.foreign_ras != known.map_or(0, |seen| seen.count);
    let verdict = judge(link, yields, None);
    Some(verdict.reason()?.explain(name).to_string())
}

/// `tap-vm-2` comes before `tap-vm-10`.
fn in_order(name: &IfName) -> (Vec<u8>, u64) {
    let bytes = name.as_bytes();
    let digits = bytes.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let (stem, number) = bytes.split_at(bytes.len() - digits);
    let number = std::str::from_utf8(number).ok().and_then(|n| n.parse().ok());
    (stem.to_vec(), number.unwrap_or(0))
}
