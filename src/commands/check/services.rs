//! The units and the udev rule: the switch, the rule, the instances.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use autora_core::interface_name::IfName;
use thiserror::Error;

use super::finding::Finding;
use crate::advice::shell;
use crate::config::instance::{DRY_RUN, is_truthy};
use crate::systemd::subprocess::NoAnswer;
use crate::systemd::unit_name;
use crate::systemd::units::{self, Condition, SWITCH, SWITCH_DIRECTORY, Switch, Unit};

/// What runs the rule.
const UDEVD: &str = "systemd-udevd.service";
/// Starts it with the next event.
const UDEVD_SOCKET: &str = "systemd-udevd-kernel.socket";

const RULE: &str = "60-autora.rules";
/// Where udev looks for rules; of several files with the same name the first is used.
const RULES: [&str; 4] = [
    "/etc/udev/rules.d",
    "/run/udev/rules.d",
    "/usr/lib/udev/rules.d",
    "/lib/udev/rules.d",
];

/// The units as systemd reports them, or why it does not.
pub(super) struct Services(Result<BTreeMap<String, Unit>, NoAnswer>);

/// Why the state of a unit is unknown.
#[derive(Debug, Error)]
enum NotChecked<'a> {
    #[error("not checked: {0}")]
    NoAnswer(&'a NoAnswer),
    #[error("not checked: {0} is not installed, so nothing starts autora")]
    NotInstalled(String),
}

impl Services {
    /// Queries systemd for the switch and the instances of `names`.
    pub(super) fn ask<'a>(names: impl Iterator<Item = &'a IfName>) -> Self {
        let shared = [SWITCH, UDEVD, UDEVD_SOCKET].map(str::to_owned);
        let ids: Vec<_> = shared.into_iter().chain(names.map(unit_name::service)).collect();
        Self(units::units(&ids))
    }

    /// The findings on what all instances share.
    pub(super) fn shared(&self) -> Vec<Finding> {
        match self.unit(SWITCH) {
            Err(why) => vec![Finding::unknown("systemd", why.to_string())],
            Ok(switch) => {
                let switch = switch_finding(switch, units::switch(), self.is_any_stopped());
                [switch]
                    .into_iter()
                    .chain(self.udevd())
                    .chain([rule_finding()])
                    .collect()
            }
        }
    }

    /// Whether an instance would run if the switch were on: that is its only fault.
    pub(super) fn waits_for_switch(&self, name: &IfName) -> bool {
        let condition = |id: &str| self.unit(id).map(Unit::condition);
        let is_stopped = |id: &str| condition(id).is_ok_and(|it| it == Condition::Stopped);
        let is_on = |it| matches!(it, Condition::Running | Condition::Unknown);
        let is_off = condition(SWITCH).is_ok_and(|it| !is_on(it));
        is_off && is_stopped(&unit_name::service(name))
    }

    /// Whether the unit of `name` has the instance send nothing.
    pub(super) fn is_dry_run(&self, name: &IfName) -> bool {
        let unit = self.unit(&unit_name::service(name));
        unit.is_ok_and(|unit| unit.variable(DRY_RUN).is_some_and(is_truthy))
    }

    fn is_any_stopped(&self) -> bool {
        let all = self.0.iter().flatten();
        let mut instances = all.filter(|(id, _)| id.starts_with("autora@"));
        instances.any(|(_, unit)| unit.condition() == Condition::Stopped)
    }

    /// The finding on udevd, if systemd knows it.
    fn udevd(&self) -> Option<Finding> {
        const REQUIREMENT: &str = "udevd";
        let units = self.0.as_ref().ok()?;
        let runs = |id: &str| units.get(id).map(|unit| unit.condition() == Condition::Running);
        Some(match (runs(UDEVD)?, runs(UDEVD_SOCKET)) {
            (true, _) => Finding::met(REQUIREMENT, format!("{UDEVD} runs")),
            (false, Some(true)) => Finding::met(REQUIREMENT, format!("{UDEVD} starts with the next event")),
            _ => Finding::warning(
                REQUIREMENT,
                format!("{UDEVD} does not run: new interfaces get no instance"),
            )
            .fixed_by(format!("systemctl start {UDEVD}")),
        })
    }

    /// The finding on the instance of `name`; `None` if systemd does not know
    /// autora's units, or the switch is off, which [`Services::shared`] reports.
    pub(super) fn instance(&self, name: &IfName) -> Option<Finding> {
        let unit = self.unit(&unit_name::service(name)).ok()?;
        (!self.waits_for_switch(name)).then(|| instance_finding(name, unit))
    }

    fn unit(&self, id: &str) -> Result<&Unit, NotChecked<'_>> {
        let units = self.0.as_ref().map_err(NotChecked::NoAnswer)?;
        match units.get(id) {
            Some(unit) if unit.condition() != Condition::NotFound => Ok(unit),
            _ => Err(NotChecked::NotInstalled(id.to_owned())),
        }
    }
}

/// `keeps_any` is whether there are instances that do not run because of the switch.
fn switch_finding(unit: &Unit, switch: Switch, keeps_any: bool) -> Finding {
    const REQUIREMENT: &str = "switch";
    let off = |found: String| {
        if keeps_any {
            Finding::missed(REQUIREMENT, found)
        } else {
            Finding::warning(REQUIREMENT, found)
        }
    };
    let runs = unit.condition() == Condition::Running;
    match unit.file.as_str() {
        "masked" | "masked-runtime" => off(format!("{SWITCH} is masked: udev starts no instances"))
            .fixed_by("systemctl unmask autora && systemctl enable --now autora"),
        _ if !runs => off(format!("{SWITCH} is off: udev starts no instances"))
            .fixed_by("systemctl enable --now autora"),
        _ if switch != Switch::On => Finding::warning(
            REQUIREMENT,
            format!("{SWITCH} is active, but {SWITCH_DIRECTORY} was removed: udev starts no instances"),
        )
        .fixed_by("systemctl restart autora"),
        "disabled" => Finding::warning(
            REQUIREMENT,
            format!("{SWITCH} is on, but will be off after the next boot"),
        )
        .fixed_by("systemctl enable autora"),
        _ => Finding::met(REQUIREMENT, format!("{SWITCH} is on")),
    }
}

fn rule_finding() -> Finding {
    const REQUIREMENT: &str = "udev rule";
    let file = RULES
        .iter()
        .map(|directory| Path::new(directory).join(RULE))
        .find(|path| path.exists());
    let reinstall = "apt-get install --reinstall autora";
    match file {
        None => Finding::warning(
            REQUIREMENT,
            format!("there is no {RULE}: new interfaces get no instance"),
        )
        .fixed_by(reinstall),
        Some(path) if fs::read(&path).is_ok_and(|rules| rules.is_empty()) => {
            let found = format!(
                "{} is empty, which turns the rule off: new interfaces get no instance",
                path.display()
            );
            Finding::warning(REQUIREMENT, found)
                .fixed_by(format!("rm {}; udevadm control --reload", path.display()))
        }
        Some(path) => Finding::met(REQUIREMENT, path.display().to_string()),
    }
}

fn instance_finding(name: &IfName, unit: &Unit) -> Finding {
    const REQUIREMENT: &str = "instance";
    let id = unit_name::service(name);
    let shell = shell::unit(name);
    let missed = |found: String| Finding::missed(REQUIREMENT, found);
    match unit.condition() {
        Condition::Masked => missed(format!("{id} is masked: it cannot be started"))
            .fixed_by(format!("systemctl unmask {shell} && systemctl start {shell}")),
        Condition::Running if unit.text.is_empty() => Finding::met(REQUIREMENT, format!("{id} runs")),
        Condition::Running => Finding::met(REQUIREMENT, format!("{id} runs: {}", unit.text)),
        Condition::Failed | Condition::Restarting => missed(format!(
            "{id} fails ({}, status {}): journalctl -u {shell} shows why",
            unit.result, unit.status
        ))
        .fixed_by(format!("systemctl restart {shell}")),
        Condition::Starting | Condition::Stopping => {
            missed(format!("{id} is {}: check again in a moment", unit.active))
        }
        Condition::Stopped | Condition::NotFound | Condition::Unknown => {
            missed(format!("{id} does not run")).fixed_by(format!("systemctl start {shell}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::finding::Mark;
    use crate::systemd::units::parse;

    fn tap() -> IfName {
        IfName::new(b"tap+1").unwrap()
    }

    fn instance_in(text: &str) -> Finding {
        let units = parse(&format!(
            "Id=autora@tap\\x2b1.service\n{text}\n\nId=autora.service\nLoadState=loaded"
        ));
        Services(Ok(units)).instance(&tap()).unwrap()
    }

    #[test]
    fn an_instance_in_each_state() {
        let running =
            instance_in("LoadState=loaded\nActiveState=active\nSubState=running\nStatusText=advertising a=b");
        assert_eq!(running.mark, Mark::Met);
        assert!(running.found.ends_with("runs: advertising a=b"));
        for (state, words, fix) in [
            (
                "LoadState=masked\nActiveState=inactive",
                "masked",
                "systemctl unmask 'autora@tap\\x2b1' && systemctl start 'autora@tap\\x2b1'",
            ),
            (
                "LoadState=loaded\nActiveState=inactive\nSubState=dead",
                "does not run",
                "systemctl start 'autora@tap\\x2b1'",
            ),
            (
                "LoadState=loaded\nActiveState=failed\nResult=exit-code\nExecMainStatus=78",
                "status 78",
                "systemctl restart 'autora@tap\\x2b1'",
            ),
        ] {
            let finding = instance_in(state);
            assert_eq!(
                (finding.mark, finding.fix.as_deref()),
                (Mark::Missed, Some(fix)),
                "{state}"
            );
            assert!(finding.found.contains(words), "{finding:?}");
        }
    }

    #[test]
    fn the_switch_in_each_state() {
        let finding =
            |text: &str, switch| switch_finding(parse(text).values().next().unwrap(), switch, false);
        let on = "Id=autora.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled";
        assert_eq!(finding(on, Switch::On).mark, Mark::Met);
        assert_eq!(
            finding(on, Switch::WithoutDirectory).fix.as_deref(),
            Some("systemctl restart autora")
        );
        assert_eq!(
            finding(&on.replace("=active", "=inactive"), Switch::Off)
                .fix
                .as_deref(),
            Some("systemctl enable --now autora")
        );
        assert_eq!(
            finding(&on.replace("enabled", "disabled"), Switch::On)
                .fix
                .as_deref(),
            Some("systemctl enable autora")
        );
        assert!(
            finding(&on.replace("enabled", "masked"), Switch::Off)
                .found
                .contains("masked")
        );
    }

    /// The one cause for all is one cross, and not another for each.
    #[test]
    fn what_waits_for_the_switch_has_no_cross_of_its_own() {
        let services = |switch: &str, instance: &str| {
            Services(Ok(parse(&format!(
                "Id=autora.service\nLoadState=loaded\nActiveState={switch}\n\n\
                 Id=autora@tap\\x2b1.service\nLoadState=loaded\nActiveState={instance}\n"
            ))))
        };
        let off = services("inactive", "inactive");
        assert!(off.waits_for_switch(&tap()));
        assert_eq!(off.instance(&tap()), None);
        assert_eq!(off.shared()[0].mark, Mark::Missed);
        let by_hand = services("inactive", "active");
        assert!(!by_hand.waits_for_switch(&tap()));
        assert_eq!(by_hand.shared()[0].mark, Mark::Warning);
        let stopped = services("active", "inactive");
        assert_eq!(stopped.instance(&tap()).unwrap().mark, Mark::Missed);
    }

    #[test]
    fn udevd_in_each_state() {
        let mark = |service: &str, socket: &str| {
            let units = format!(
                "Id={UDEVD}\nLoadState=loaded\nActiveState={service}\n\n\
                 Id={UDEVD_SOCKET}\nLoadState=loaded\nActiveState={socket}\n"
            );
            Services(Ok(parse(&units))).udevd().unwrap().mark
        };
        assert_eq!(mark("active", "active"), Mark::Met);
        assert_eq!(mark("inactive", "active"), Mark::Met);
        assert_eq!(mark("inactive", "inactive"), Mark::Warning);
        assert_eq!(mark("failed", "inactive"), Mark::Warning);
        assert_eq!(Services(Ok(parse(""))).udevd(), None);
    }

    #[test]
    fn without_the_package_or_systemd_the_state_is_unknown() {
        let none = Services(Ok(parse("Id=autora.service\nLoadState=not-found\n")));
        assert_eq!(none.shared().len(), 1);
        assert_eq!(none.shared()[0].mark, Mark::Unknown);
        assert_eq!(none.instance(&tap()), None);
        let absent = Services(Err(NoAnswer::NotRun(
            "systemctl".to_owned(),
            std::io::Error::other("not found"),
        )));
        assert_eq!(absent.shared()[0].mark, Mark::Unknown);
    }
}
