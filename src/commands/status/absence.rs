//! Why an interface that matches has no instance, or none that publishes its state.

use std::collections::BTreeMap;
use std::path::Path;

use autora_core::interface_name::IfName;
use nix::sys::statvfs::statvfs;

use crate::advice::shell;
use crate::config::SERVES_NOTHING;
use crate::config::instance::{self, DRY_RUN, Given, is_truthy};
use crate::systemd::unit_name;
use crate::systemd::units::{self, Condition, SWITCH_DIRECTORY, Switch, Unit};

/// The cause if an instance runs according to systemd but publishes no state.
pub(super) const UNPUBLISHED: &str = "unpublished";
/// The cause if the switch is off, which all interfaces share.
pub(super) const SWITCH_OFF: &str = "switch-off";
/// What to do then.
pub(super) const TURN_ON: &str = "autora.service, the switch, is off: systemctl start autora";

/// The service manager of this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manager {
    /// Not systemd.
    None,
    Systemd {
        /// `autora.service`.
        switch: Switch,
    },
}

impl Manager {
    pub(super) fn of_this_host() -> Self {
        if units::is_booted() {
            Self::Systemd {
                switch: units::switch(),
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

/// Why the instance of `name`, which runs according to systemd, has no state file in
/// `directory`.
pub(super) fn unpublished(unit: &Unit, name: &IfName, directory: &Path) -> (&'static str, String) {
    let instance = shell::unit(name);
    let by_unit = unit.variable(DRY_RUN).is_some_and(is_truthy);
    let is_dry_run =
        || instance::of(name, Given::pattern(SERVES_NOTHING)).is_ok_and(|settings| settings.dry_run);
    if by_unit || is_dry_run() {
        let what = format!("{instance} runs, but {DRY_RUN} is set: it logs its packets and sends none");
        return ("dry-run", what);
    }
    let place = directory.display();
    let is_full =
        |path| statvfs(path).is_ok_and(|it| it.blocks_available() == 0 || it.files_available() == 0);
    let trouble = if !directory.is_dir() {
        format!("{place} was removed: systemctl restart autora")
    } else if is_full(directory) {
        format!("no room is left in {place}: df {place}; when there is, systemctl restart {instance}")
    } else {
        format!("it has no file in {place}: systemctl restart {instance}")
    };
    let says = match unit.text.as_str() {
        "" => String::new(),
        text => format!(" ({text})"),
    };
    (
        UNPUBLISHED,
        format!("{instance} runs{says}, but its state is not shown, as {trouble}"),
    )
}

/// The cause: a stable name, and an explanation that says what to do.
pub(super) fn cause(
    manager: Manager,
    unit: Option<&Unit>,
    name: &IfName,
    directory: &Path,
) -> (&'static str, String) {
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
        Condition::Running => unpublished(&unit, name, directory),
        Condition::Stopped | Condition::Unknown if switch == Switch::Off => (SWITCH_OFF, TURN_ON.to_owned()),
        Condition::Stopped if switch == Switch::WithoutDirectory => (
            "stopped",
            format!(
                "{instance} was stopped, or never started, as {SWITCH_DIRECTORY} was removed: systemctl restart autora"
            ),
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

    const ON: Manager = Manager::Systemd { switch: Switch::On };
    const OFF: Manager = Manager::Systemd { switch: Switch::Off };

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
        let cause =
            |unit: &Unit, name: &[u8]| cause(ON, Some(unit), &IfName::new(name).unwrap(), Path::new("/")).1;
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
            let (reason, what) = cause(manager, unit.as_ref(), &name, Path::new("/"));
            assert_eq!(reason, expected, "{unit:?}");
            assert!(what.contains("tap-vm-1") || what.contains("systemctl") || what.contains("install"));
        }
    }

    #[test]
    fn an_instance_that_runs_without_a_state_file_says_what_is_wrong() {
        let name = IfName::new(b"tap-vm-1").unwrap();
        let running = |environment: &str| Unit {
            text: "advertising 2001:db8:1::/64".to_owned(),
            environment: environment.to_owned(),
            ..unit("loaded", "active", "running")
        };
        let of = |environment: &str, directory: &str| {
            cause(ON, Some(&running(environment)), &name, Path::new(directory))
        };
        let (reason, what) = of("A=1", "/nonexistent/autora");
        assert_eq!(reason, UNPUBLISHED);
        for words in [
            "autora@tap-vm-1 runs (advertising 2001:db8:1::/64)",
            "/nonexistent/autora was removed",
        ] {
            assert!(what.contains(words), "{what}");
        }
        assert!(
            of("", "/")
                .1
                .contains("it has no file in /: systemctl restart autora@tap-vm-1")
        );
        assert_eq!(of("A=1 AUTORA_DRY_RUN=1", "/").0, "dry-run");
        assert_eq!(of("AUTORA_DRY_RUN=no", "/").0, UNPUBLISHED);
    }
}
