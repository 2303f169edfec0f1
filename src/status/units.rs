//! What systemd says of the units of interfaces without an instance.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::ifname::IfName;

/// systemd makes this when it is PID 1 (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";
/// What `autora.service` makes while it is active.
const SWITCH: &str = "/run/autora-enabled";
/// An answer that takes longer is not waited for, in seconds.
const PATIENCE: &str = "2";

/// An instance runs, as far as systemd knows, but publishes nothing.
pub(super) const UNPUBLISHED: &str = "unpublished";

/// The manager of this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Manager {
    /// It is not systemd.
    None,
    /// systemd, with `autora.service` active or not.
    Systemd {
        /// Whether the switch is on.
        switch: bool,
    },
}

/// One unit's properties, as `systemctl show` names and writes them.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Unit {
    load: String,
    active: String,
    sub: String,
    result: String,
    status: String,
}

impl Manager {
    pub(super) fn of_this_host() -> Self {
        if Path::new(BOOTED).is_dir() {
            Self::Systemd {
                switch: Path::new(SWITCH).exists(),
            }
        } else {
            Self::None
        }
    }

    /// Asks for the units of all `names` at once. Where nobody answers, or not in
    /// time, nothing is known.
    pub(super) fn units(self, names: &[&IfName]) -> BTreeMap<String, Unit> {
        if self == Self::None || names.is_empty() {
            return BTreeMap::new();
        }
        let output = Command::new("timeout")
            .args(["--kill-after=1", PATIENCE, "systemctl", "show", "--no-pager"])
            .arg("--property=Id,LoadState,ActiveState,SubState,Result,ExecMainStatus")
            .arg("--")
            .args(names.iter().map(|name| unit_name(name)))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => parse(&String::from_utf8_lossy(&output.stdout)),
            _ => BTreeMap::new(),
        }
    }
}

/// The unit that serves `name`.
pub(super) fn unit_name(name: &IfName) -> String {
    format!("autora@{}.service", name.unit_instance())
}

/// The same as an operator types it: a backslash needs quotes.
pub(super) fn shell_unit(name: &IfName) -> String {
    let unit = format!("autora@{}", name.unit_instance());
    if unit.contains('\\') {
        format!("'{unit}'")
    } else {
        unit
    }
}

/// Paragraphs of `Property=value`, by their `Id`.
fn parse(text: &str) -> BTreeMap<String, Unit> {
    let mut units = BTreeMap::new();
    for paragraph in text.split("\n\n") {
        let mut unit = Unit::default();
        let mut id = None;
        for (property, value) in paragraph.lines().filter_map(|line| line.split_once('=')) {
            let value = value.to_owned();
            match property {
                "Id" => id = Some(value),
                "LoadState" => unit.load = value,
                "ActiveState" => unit.active = value,
                "SubState" => unit.sub = value,
                "Result" => unit.result = value,
                "ExecMainStatus" => unit.status = value,
                _ => {}
            }
        }
        if let Some(id) = id {
            units.insert(id, unit);
        }
    }
    units
}

/// Why an interface that matches has no instance: a stable name, and what to do.
pub(super) fn cause(manager: Manager, unit: Option<&Unit>, name: &IfName) -> (&'static str, String) {
    let Manager::Systemd { switch } = manager else {
        let what = format!("nothing has started one: autora --interface {}", name.shell());
        return ("not-started", what);
    };
    let instance = shell_unit(name);
    let unit = unit.cloned().unwrap_or_default();
    let log = format!("journalctl -u {instance}");
    match (unit.load.as_str(), unit.active.as_str()) {
        ("masked", _) => (
            "masked",
            format!("{instance} is masked: systemctl unmask {instance}, then systemctl start {instance}"),
        ),
        ("not-found", _) => (
            "no-unit",
            "systemd does not know autora@.service: install the package again".to_owned(),
        ),
        (_, "failed") => {
            let how = if unit.result == "exit-code" {
                format!("with status {}", unit.status)
            } else {
                format!("({})", unit.result)
            };
            let what =
                format!("{instance} failed {how}: {log}; when it is mended, systemctl start {instance}");
            ("failed", what)
        }
        (_, "activating") if unit.sub.starts_with("auto-restart") => (
            "restarting",
            format!(
                "{instance} ended with status {} and is started again: {log}",
                unit.status
            ),
        ),
        (_, "activating") => ("starting", format!("{instance} is starting: {log}")),
        (_, "deactivating") => ("stopping", format!("{instance} is stopping: {log}")),
        (_, "active" | "reloading") => (
            UNPUBLISHED,
            format!("{instance} runs but publishes no state: systemctl restart {instance}"),
        ),
        _ if !switch => (
            "switch-off",
            "autora.service, the switch, is off: systemctl start autora".to_owned(),
        ),
        (_, "inactive") => (
            "stopped",
            format!("{instance} was stopped, or never started: systemctl start {instance}"),
        ),
        _ => (
            "unknown",
            format!("systemd does not answer: systemctl status {instance}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As systemd 252 and 257 write it.
    const SHOWN: &str = "\
Result=exit-code
ExecMainStatus=78
Id=autora@tap-vm-1.service
LoadState=loaded
ActiveState=failed
SubState=failed

Result=success
ExecMainStatus=0
Id=autora@tap\\x2b1.service
LoadState=masked
ActiveState=inactive
SubState=dead
";

    const ON: Manager = Manager::Systemd { switch: true };
    const OFF: Manager = Manager::Systemd { switch: false };

    fn name(text: &str) -> IfName {
        IfName::new(text.as_bytes()).unwrap()
    }

    fn unit(load: &str, active: &str, sub: &str) -> Unit {
        Unit {
            load: load.to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: "watchdog".to_owned(),
            status: "0".to_owned(),
        }
    }

    #[test]
    fn each_unit_is_found_by_its_name() {
        let units = parse(SHOWN);
        assert_eq!(units.len(), 2);
        let (failed, masked) = (name("tap-vm-1"), name("tap+1"));
        let (reason, what) = cause(ON, units.get(&unit_name(&failed)), &failed);
        assert_eq!(reason, "failed");
        assert!(
            what.contains("with status 78: journalctl -u autora@tap-vm-1"),
            "{what}"
        );
        let (reason, what) = cause(ON, units.get(&unit_name(&masked)), &masked);
        assert_eq!(reason, "masked");
        assert!(what.contains(r"systemctl unmask 'autora@tap\x2b1'"), "{what}");
    }

    #[test]
    fn nonsense_is_no_unit() {
        for text in ["", "\n\n", "Id\n", "LoadState=loaded\n", "\u{0}=\n\n=="] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn every_state_of_a_unit_has_a_cause() {
        let name = name("tap-vm-1");
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
