//! The state of autora's units.

use std::collections::BTreeMap;
use std::path::Path;

use autora_core::visible::Visible;

use super::subprocess::{NoAnswer, ask};

/// The switch: udev starts instances while this unit is active.
pub(crate) const SWITCH: &str = "autora.service";
/// The file that exists while the switch is on. The udev rule tests for it.
const FLAG: &str = "/run/autora-enabled";
/// The directory that exists if systemd is PID 1 (`sd_booted(3)`).
const BOOTED: &str = "/run/systemd/system";

/// The properties of a unit as `systemctl show` prints them; empty if it does not.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(crate) struct Unit {
    /// `LoadState`
    pub load: String,
    /// `ActiveState`
    pub active: String,
    /// `SubState`
    pub sub: String,
    /// `UnitFileState`
    pub file: String,
    /// `Result` of the last process
    pub result: String,
    /// `ExecMainStatus`
    pub status: String,
    /// `StatusText`
    pub text: String,
}

/// The state of a unit, from `LoadState`, `ActiveState` and `SubState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Condition {
    Masked,
    NotFound,
    /// It failed and will not be restarted.
    Failed,
    /// It failed and will be restarted after a delay.
    Restarting,
    Starting,
    Stopping,
    Running,
    Stopped,
    /// systemd reported no state, or one that is not known here.
    Unknown,
}

impl Unit {
    #[must_use]
    pub(crate) fn condition(&self) -> Condition {
        match (self.load.as_str(), self.active.as_str()) {
            ("masked", _) => Condition::Masked,
            ("not-found", _) => Condition::NotFound,
            (_, "failed") => Condition::Failed,
            (_, "activating") if self.sub.starts_with("auto-restart") => Condition::Restarting,
            (_, "activating") => Condition::Starting,
            (_, "deactivating") => Condition::Stopping,
            (_, "active" | "reloading") => Condition::Running,
            (_, "inactive") => Condition::Stopped,
            _ => Condition::Unknown,
        }
    }
}

/// Whether systemd is the service manager of this host.
#[must_use]
pub(crate) fn is_booted() -> bool {
    Path::new(BOOTED).is_dir()
}

/// Whether the switch is on, so that udev starts instances.
#[must_use]
pub(crate) fn switch_is_on() -> bool {
    Path::new(FLAG).exists()
}

/// Queries the units `ids` with one call. The result is by unit name.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn units(ids: &[String]) -> Result<BTreeMap<String, Unit>, NoAnswer> {
    let mut arguments = vec![
        "show",
        "--property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,StatusText",
        "--",
    ];
    arguments.extend(ids.iter().map(String::as_str));
    let answer = ask("systemctl", &arguments)?;
    Ok(parse(&String::from_utf8_lossy(&answer)))
}

/// Parses paragraphs of lines `Property=value`. The result is by `Id`.
pub(crate) fn parse(text: &str) -> BTreeMap<String, Unit> {
    let mut units = BTreeMap::new();
    for paragraph in text.split("\n\n") {
        let mut unit = Unit::default();
        let mut id = None;
        for (property, value) in paragraph.lines().filter_map(|line| line.split_once('=')) {
            // A program chooses its StatusText.
            let value = Visible(value).to_string();
            match property {
                "Id" => id = Some(value),
                "LoadState" => unit.load = value,
                "ActiveState" => unit.active = value,
                "SubState" => unit.sub = value,
                "UnitFileState" => unit.file = value,
                "Result" => unit.result = value,
                "ExecMainStatus" => unit.status = value,
                "StatusText" => unit.text = value,
                _ => {}
            }
        }
        if let Some(id) = id {
            units.insert(id, unit);
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use autora_core::interface_name::IfName;

    use super::super::unit_name::service;
    use super::*;

    /// As systemd 252 and 257 print it.
    const SHOWN: &str = "\
Result=exit-code
ExecMainStatus=78
Id=autora@tap-vm-1.service
LoadState=loaded
ActiveState=failed
SubState=failed

Result=success
ExecMainStatus=0
StatusText=advertising a=b
Id=autora@tap\\x2b1.service
LoadState=loaded
ActiveState=active
SubState=running
";

    #[test]
    fn each_unit_is_found_by_its_name() {
        let units = parse(SHOWN);
        assert_eq!(units.len(), 2);
        let of = |name: &[u8]| &units[&service(&IfName::new(name).unwrap())];
        let failed = of(b"tap-vm-1");
        assert_eq!(
            (failed.condition(), &failed.status[..]),
            (Condition::Failed, "78")
        );
        let running = of(b"tap+1");
        assert_eq!(
            (running.condition(), &running.text[..]),
            (Condition::Running, "advertising a=b")
        );
    }

    #[test]
    fn a_status_text_cannot_direct_the_terminal() {
        let units = parse("Id=a.service\nStatusText=fine\u{1b}[2J\u{202e}\u{9b}\n");
        assert_eq!(units["a.service"].text, r"fine\u{1b}[2J\u{202e}\u{9b}");
    }

    #[test]
    fn text_without_a_unit_gives_none() {
        for text in ["", "\n\n", "Id\n", "LoadState=loaded\n", "\u{0}=\n\n=="] {
            assert!(parse(text).is_empty(), "{text:?}");
        }
    }

    #[test]
    fn the_condition_for_each_state() {
        for (load, active, sub, expected) in [
            ("", "", "", Condition::Unknown),
            ("loaded", "maintenance", "", Condition::Unknown),
            ("loaded", "inactive", "dead", Condition::Stopped),
            ("masked", "inactive", "dead", Condition::Masked),
            ("masked", "active", "running", Condition::Masked),
            ("not-found", "inactive", "dead", Condition::NotFound),
            ("loaded", "failed", "failed", Condition::Failed),
            ("loaded", "activating", "auto-restart", Condition::Restarting),
            (
                "loaded",
                "activating",
                "auto-restart-queued",
                Condition::Restarting,
            ),
            ("loaded", "activating", "start", Condition::Starting),
            ("loaded", "deactivating", "stop-sigterm", Condition::Stopping),
            ("loaded", "active", "running", Condition::Running),
            ("loaded", "reloading", "reload", Condition::Running),
        ] {
            let unit = Unit {
                load: load.to_owned(),
                active: active.to_owned(),
                sub: sub.to_owned(),
                ..Unit::default()
            };
            assert_eq!(unit.condition(), expected, "{unit:?}");
        }
    }
}
