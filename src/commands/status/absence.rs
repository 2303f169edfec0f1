//! Why an interface that matches has no instance.

use std::collections::BTreeMap;

use autora_core::interface_name::IfName;

use crate::advice::shell;
use crate::systemd::unit_name;
use crate::systemd::units::{self, Condition, Unit};

/// The cause if an instance runs according to systemd but publishes no state.
pub(super) const UNPUBLISHED: &str = "unpublished";

/// The service manager of this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manager {
    /// Not systemd.
    None,
    Systemd {
        /// Whether the switch, `autora.service`, is on.
        switch: bool,
    },
}

impl Manager {
    pub(super) fn of_this_host() -> Self {
        if units::is_booted() {
            Self::Systemd {
                switch: units::switch_is_on(),
            }
        } else {
            Self::None
        }
    }

    /// The units of all `names`, by unit name; empty if systemd does not answer in time.
    pub(super) fn units(self, names: &[&IfName]) -> BTreeMap<String, Unit> {
        if self == Self::None || names.is_empty() {
            return BTreeMap::new();
        }
        let ids: Vec<_> = names.iter().map(|name| unit_name::service(name)).collect();
        units::units(&ids).unwrap_or_default()
    }
}

/// The cause: a stable name, and an explanation that says what to do.
pub(super) fn cause(manager: Manager, unit: Option<&Unit>, name: &IfName) -> (&'static str, String) {
    let Manager::Systemd { switch } = manager else {
        let what = format!(
            "no instance was started: autora --interface {}",
            shell::interface(name)
        );
        return ("not-started", what);
    };
    let instance = shell::unit(name);
    let unit = unit.cloned().unwrap_or_default();
    let log = format!("journalctl -u {instance}");
    match unit.condition() {
        Condition::Masked => (
            "masked",
            format!("{instance} is masked: systemctl unmask {instance}, then systemctl start {instance}"),
        ),
        Condition::NotFound => (
            "no-unit",
            "systemd does not know autora@.service: install the package again".to_owned(),
        ),
        Condition::Failed => {
            let how = if unit.result == "exit-code" {
                format!("with status {}", unit.status)
            } else {
                format!("({})", unit.result)
            };
            let what =
                format!("{instance} failed {how}: {log}; when it is fixed, systemctl start {instance}");
            ("failed", what)
        }
        Condition::Restarting => (
            "restarting",
            format!(
                "{instance} exited with status {} and will be restarted: {log}",
                unit.status
            ),
        ),
        Condition::Starting => ("starting", format!("{instance} is starting: {log}")),
        Condition::Stopping => ("stopping", format!("{instance} is stopping: {log}")),
        Condition::Running => (
            UNPUBLISHED,
            format!("{instance} runs but publishes no state: systemctl restart {instance}"),
        ),
        Condition::Stopped | Condition::Unknown if !switch => (
            "switch-off",
            "autora.service, the switch, is off: systemctl start autora".to_owned(),
        ),
        Condition::Stopped => (
            "stopped",
            format!("{instance} was stopped, or never started: systemctl start {instance}"),
        ),
        Condition::Unknown => (
            "unknown",
            format!("systemd does not answer: systemctl status {instance}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ON: Manager = Manager::Systemd { switch: true };
    const OFF: Manager = Manager::Systemd { switch: false };

    fn unit(load: &str, active: &str, sub: &str) -> Unit {
        Unit {
            load: load.to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: "exit-code".to_owned(),
            status: "78".to_owned(),
            ..Unit::default()
        }
    }

    #[test]
    fn units_are_quoted_for_a_shell() {
        let cause = |unit: &Unit, name: &[u8]| cause(ON, Some(unit), &IfName::new(name).unwrap()).1;
        let what = cause(&unit("loaded", "failed", "failed"), b"tap-vm-1");
        assert!(
            what.contains("with status 78: journalctl -u autora@tap-vm-1"),
            "{what}"
        );
        let what = cause(&unit("masked", "inactive", "dead"), b"tap+1");
        assert!(what.contains(r"systemctl unmask 'autora@tap\x2b1'"), "{what}");
    }

    #[test]
    fn every_state_of_a_unit_has_a_cause() {
        let name = IfName::new(b"tap-vm-1").unwrap();
        for (manager, unit, expected) in [
            (Manager::None, None, "not-started"),
            (ON, None, "unknown"),
            (OFF, None, "switch-off"),
            (OFF, Some(unit("loaded", "inactive", "dead")), "switch-off"),
            (ON, Some(unit("loaded", "inactive", "dead")), "stopped"),
            (OFF, Some(unit("masked", "inactive", "dead")), "masked"),
            (ON, Some(unit("not-found", "inactive", "dead")), "no-unit"),
            (OFF, Some(unit("loaded", "failed", "failed")), "failed"),
            (
                ON,
                Some(unit("loaded", "activating", "auto-restart")),
                "restarting",
            ),
            (
                ON,
                Some(unit("loaded", "activating", "auto-restart-queued")),
                "restarting",
            ),
            (ON, Some(unit("loaded", "activating", "start")), "starting"),
            (
                ON,
                Some(unit("loaded", "deactivating", "stop-sigterm")),
                "stopping",
            ),
            (ON, Some(unit("loaded", "active", "running")), UNPUBLISHED),
        ] {
            let (reason, what) = cause(manager, unit.as_ref(), &name);
            assert_eq!(reason, expected, "{unit:?}");
            assert!(what.contains("tap-vm-1") || what.contains("systemctl") || what.contains("install"));
        }
    }
}
