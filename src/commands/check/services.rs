//! The units and the udev rule: the switch, the rule, the instances.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use autora_core::interface_name::IfName;
use thiserror::Error;

use super::finding::Finding;
use crate::advice::shell;
use crate::systemd::subprocess::NoAnswer;
use crate::systemd::unit_name;
use crate::systemd::units::{self, Condition, SWITCH, Unit};

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
        let ids: Vec<_> = std::iter::once(SWITCH.to_owned())
            .chain(names.map(unit_name::service))
            .collect();
        Self(units::units(&ids))
    }

    /// The findings on what all instances share.
    pub(super) fn shared(&self) -> Vec<Finding> {
        match self.unit(SWITCH) {
            Err(why) => vec![Finding::unknown("systemd", why.to_string())],
            Ok(switch) => vec![switch_finding(switch, units::switch_is_on()), rule_finding()],
        }
    }

    /// The finding on the instance of `name`; `None` if systemd does not know
    /// autora's units, which [`Services::shared`] reports.
    pub(super) fn instance(&self, name: &IfName) -> Option<Finding> {
        let unit = self.unit(&unit_name::service(name)).ok()?;
        Some(instance_finding(name, unit))
    }

    fn unit(&self, id: &str) -> Result<&Unit, NotChecked<'_>> {
        let units = self.0.as_ref().map_err(NotChecked::NoAnswer)?;
        match units.get(id) {
            Some(unit) if unit.condition() != Condition::NotFound => Ok(unit),
            _ => Err(NotChecked::NotInstalled(id.to_owned())),
        }
    }
}

fn switch_finding(unit: &Unit, flag: bool) -> Finding {
    const REQUIREMENT: &str = "switch";
    let on = unit.condition() == Condition::Running && flag;
    match unit.file.as_str() {
        "masked" | "masked-runtime" => Finding::warning(
            REQUIREMENT,
            format!("{SWITCH} is masked: udev starts no instances"),
        )
        .fixed_by("systemctl unmask autora && systemctl enable --now autora"),
        _ if !on => Finding::warning(REQUIREMENT, format!("{SWITCH} is off: udev starts no instances"))
            .fixed_by("systemctl enable --now autora"),
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
        let finding = |text: &str, flag| switch_finding(parse(text).values().next().unwrap(), flag);
        let on = "Id=autora.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled";
        assert_eq!(finding(on, true).mark, Mark::Met);
        assert_eq!(
            finding(on, false).fix.as_deref(),
            Some("systemctl enable --now autora")
        );
        assert_eq!(
            finding(&on.replace("enabled", "disabled"), true).fix.as_deref(),
            Some("systemctl enable autora")
        );
        assert!(
            finding(&on.replace("enabled", "masked"), false)
                .found
                .contains("masked")
        );
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
