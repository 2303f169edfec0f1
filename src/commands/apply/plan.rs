//! What to do with each instance so that the host is as its settings say. It decides, and does nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use autora_core::interface_name::IfName;

use crate::systemd::units::Condition;

/// An instance that systemd knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Instance {
    /// It runs, or will without further help: it starts, or waits to be restarted.
    Up,
    /// It does not run: stopped or failed.
    Down,
    /// It is stopping. A start waits for that.
    Stopping,
}

impl From<Condition> for Instance {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Running | Condition::Starting | Condition::Restarting => Self::Up,
            Condition::Stopping => Self::Stopping,
            Condition::Failed
            | Condition::Stopped
            | Condition::Masked
            | Condition::NotFound
            | Condition::Unknown => Self::Down,
        }
    }
}

/// The host as it was found.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Found {
    /// The interfaces that match.
    pub wanted: BTreeSet<IfName>,
    /// The instances that are not inactive, by interface.
    pub instances: BTreeMap<IfName, Instance>,
    /// Interfaces whose unit is masked.
    pub masked: BTreeSet<IfName>,
    /// What is to change for a running instance: `router-lifetime 180s → 600s`.
    pub changed: BTreeMap<IfName, String>,
}

/// What to do.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Plan {
    /// Instances that are missing.
    pub start: Vec<IfName>,
    /// Instances of interfaces that do not match.
    pub stop: Vec<IfName>,
    /// Instances that run with other settings, with the difference.
    pub restart: Vec<(IfName, String)>,
    /// How many are as they should be.
    pub leave: usize,
    /// How many interfaces match whose unit is masked.
    pub masked: usize,
    /// Whether everything that runs stops because no interface matches.
    pub stops_all: bool,
}

impl Plan {
    /// Compares what was found with what should be.
    pub(super) fn new(found: &Found) -> Self {
        let mut plan = Self::default();
        for name in &found.wanted {
            match found.instances.get(name) {
                _ if found.masked.contains(name) => plan.masked += 1,
                Some(Instance::Up) => match found.changed.get(name) {
                    Some(change) => plan.restart.push((*name, change.clone())),
                    None => plan.leave += 1,
                },
                Some(Instance::Down | Instance::Stopping) | None => plan.start.push(*name),
            }
        }
        let unwanted = |(name, instance): (&IfName, &Instance)| {
            let stops = *instance == Instance::Up && !found.wanted.contains(name);
            (stops && !found.masked.contains(name)).then_some(*name)
        };
        plan.stop = found.instances.iter().filter_map(unwanted).collect();
        plan.stops_all = found.wanted.is_empty() && !plan.stop.is_empty();
        plan
    }

    /// The same, but everything that runs and matches is restarted.
    pub(super) fn restarting_all(mut self, found: &Found) -> Self {
        let runs = |name: &&IfName| {
            found.instances.get(*name) == Some(&Instance::Up) && !found.masked.contains(*name)
        };
        let all = found.wanted.iter().filter(runs);
        self.restart = all
            .map(|name| (*name, found.changed.get(name).cloned().unwrap_or_default()))
            .collect();
        self.leave = 0;
        self
    }
}

/// In one line: `start 3, stop 1, restart 20: router-lifetime 180s → 600s, leave 976`.
impl Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changes: BTreeSet<_> = self.restart.iter().map(|(_, change)| change.as_str()).collect();
        let changes: Vec<_> = changes.into_iter().filter(|change| !change.is_empty()).collect();
        let restart = match changes.as_slice() {
            [] => format!("restart {}", self.restart.len()),
            all => format!("restart {}: {}", self.restart.len(), all.join("; ")),
        };
        write!(
            f,
            "start {}, stop {}, {restart}, leave {}",
            self.start.len(),
            self.stop.len(),
            self.leave
        )?;
        if self.masked > 0 {
            write!(f, ", masked {}", self.masked)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn name(number: u32) -> IfName {
        IfName::new(format!("tap-{number}").as_bytes()).unwrap()
    }

    /// One interface in each state, wanted or not.
    #[test]
    fn every_state_has_one_step() {
        const STATES: [Option<Instance>; 4] = [
            None,
            Some(Instance::Up),
            Some(Instance::Down),
            Some(Instance::Stopping),
        ];
        for wanted in [false, true] {
            for masked in [false, true] {
                for changed in [false, true] {
                    for instance in STATES {
                        let mut found = Found::default();
                        found.wanted.extend(wanted.then_some(name(1)));
                        found.masked.extend(masked.then_some(name(1)));
                        found.instances.extend(instance.map(|state| (name(1), state)));
                        found.changed.extend(changed.then(|| (name(1), "a".to_owned())));
                        let plan = Plan::new(&found);
                        let runs = instance == Some(Instance::Up);
                        let step = (plan.start.len(), plan.stop.len(), plan.restart.len(), plan.leave);
                        let expected = match (wanted, runs) {
                            _ if masked => (0, 0, 0, 0),
                            (true, false) => (1, 0, 0, 0),
                            (true, true) if changed => (0, 0, 1, 0),
                            (true, true) => (0, 0, 0, 1),
                            (false, true) => (0, 1, 0, 0),
                            (false, false) => (0, 0, 0, 0),
                        };
                        assert_eq!(step, expected, "{found:?}");
                        assert_eq!(plan.masked, usize::from(wanted && masked));
                    }
                }
            }
        }
    }

    fn random_host(random: &mut SmallRng) -> Found {
        let mut found = Found::default();
        for number in 0..random.random_range(0..12) {
            let name = name(number);
            found.wanted.extend(random.random::<bool>().then_some(name));
            found.masked.extend(random.random_ratio(1, 5).then_some(name));
            let state = match random.random_range(0..4) {
                0 => Some(Instance::Up),
                1 => Some(Instance::Down),
                2 => Some(Instance::Stopping),
                _ => None,
            };
            found.instances.extend(state.map(|state| (name, state)));
            if state == Some(Instance::Up) && random.random() {
                found
                    .changed
                    .insert(name, "router-lifetime 180s → 600s".to_owned());
            }
        }
        found
    }

    /// What the host is after the plan was carried out.
    fn carry_out(found: &mut Found, plan: &Plan) {
        for name in &plan.stop {
            found.instances.insert(*name, Instance::Down);
        }
        for name in plan.start.iter().chain(plan.restart.iter().map(|(name, _)| name)) {
            found.instances.insert(*name, Instance::Up);
            found.changed.remove(name);
        }
    }

    #[test]
    fn any_host_converges_in_one_step_and_a_second_one_does_nothing() {
        let mut random = SmallRng::seed_from_u64(14);
        for _ in 0..10_000 {
            let mut found = random_host(&mut random);
            let plan = Plan::new(&found);
            carry_out(&mut found, &plan);
            for name in found.wanted.difference(&found.masked) {
                assert_eq!(found.instances.get(name), Some(&Instance::Up), "{found:?}");
            }
            for (name, instance) in &found.instances {
                let may_run = found.wanted.contains(name) || found.masked.contains(name);
                assert!(may_run || *instance != Instance::Up, "{found:?}");
            }
            let again = Plan::new(&found);
            assert!(
                again.start.is_empty() && again.stop.is_empty() && again.restart.is_empty(),
                "{found:?}"
            );
        }
    }

    #[test]
    fn a_plan_in_one_line() {
        let mut found = Found::default();
        for number in 1..=4 {
            found.wanted.insert(name(number));
            found.instances.insert(name(number + 1), Instance::Up);
        }
        found
            .changed
            .insert(name(2), "router-lifetime 180s → 600s".to_owned());
        let plan = Plan::new(&found);
        assert_eq!(
            plan.to_string(),
            "start 1, stop 1, restart 1: router-lifetime 180s → 600s, leave 2"
        );
        assert!(!plan.stops_all);
        assert_eq!(
            plan.restarting_all(&found).to_string(),
            "start 1, stop 1, restart 3: router-lifetime 180s → 600s, leave 0"
        );
        found.wanted.clear();
        found.masked.insert(name(3));
        assert!(Plan::new(&found).stops_all);
    }
}
