//! The state of autora's units.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use autora_core::interface_name::IfName;
use autora_core::visible::Visible;

use super::subprocess::{NoAnswer, ask, ask_within};
use super::unit_name;

/// The switch: udev starts instances while this unit is active.
pub(crate) const SWITCH: &str = "autora.service";
/// All instances that systemd knows.
pub(crate) const INSTANCES: &str = "autora@*.service";
/// The runtime directory of the switch. systemd makes it before the command that starts the switch,
/// and removes it with the last one that stops it. The udev rule tests for it.
pub(crate) const SWITCH_DIRECTORY: &str = "/run/autora-switch";
/// A link that systemd keeps for the journal while the switch is not inactive. It points nowhere.
/// A unit that is masked leaves its runtime directory behind, but not this.
const SWITCH_INVOCATION: &str = "/run/systemd/units/invocation:autora.service";
/// Where `systemctl mask` writes.
const MASKS: [&str; 2] = ["/etc/systemd/system", "/run/systemd/system"];
/// How long systemd may take to answer while it starts or stops hundreds of instances.
pub(crate) const BUSY_LIMIT: Duration = Duration::from_secs(60);
/// At most this many units are asked for in one call.
const BATCH: usize = 200;
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
    /// `Environment`: variables that the unit sets beside its files.
    pub environment: String,
}

/// The switch. Off is what systemd calls inactive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    On,
    Off,
    /// Its unit is active, but somebody removed its directory, or it is stopping: udev starts nothing.
    WithoutDirectory,
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
    /// The value that the unit itself sets for a variable.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let mut all = variables(&self.environment);
        Some(all.find(|(key, _)| *key == name)?.1)
    }

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
    switch() == Switch::On
}

/// The state of the switch.
#[must_use]
pub(crate) fn switch() -> Switch {
    let has_directory = Path::new(SWITCH_DIRECTORY).is_dir();
    match (Path::new(SWITCH_INVOCATION).is_symlink(), has_directory) {
        (false, _) => Switch::Off,
        (true, true) => Switch::On,
        (true, false) => Switch::WithoutDirectory,
    }
}

/// Turns the switch off before it is inactive, so that nothing starts while it stops.
/// False if that was done before.
///
/// # Errors
/// If the directory cannot be removed.
pub(crate) fn turn_switch_off() -> io::Result<bool> {
    match fs::remove_dir(SWITCH_DIRECTORY) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        result => result.map(|()| true),
    }
}

/// Whether the switch stops, and not only to start again.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn switch_stops() -> Result<bool, NoAnswer> {
    Ok(jobs(SWITCH)?.contains(&"stop".to_owned()))
}

/// The types of the jobs for units that match, as `start` or `stop`.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn jobs(pattern: &str) -> Result<Vec<String>, NoAnswer> {
    let listed = ask_within(
        BUSY_LIMIT,
        "systemctl",
        &["list-jobs", "--plain", "--no-legend", pattern],
    )?;
    // JOB UNIT TYPE STATE
    let types = String::from_utf8_lossy(&listed);
    let types = types.lines().filter_map(|job| job.split_whitespace().nth(2));
    Ok(types.map(str::to_owned).collect())
}

/// Whether systemd stops everything.
pub(crate) fn is_shutting_down() -> bool {
    // Its status is not 0 unless all is well.
    ask("systemctl", &["--quiet", "is-active", "shutdown.target"]).is_ok()
        || jobs("shutdown.target").is_ok_and(|jobs| !jobs.is_empty())
}

/// Whether the unit is masked. systemd does not list one that it has not loaded.
pub(crate) fn is_masked(id: &str) -> bool {
    let is_mask = |directory: &str| {
        let target = fs::read_link(Path::new(directory).join(id));
        target.is_ok_and(|target| target == Path::new("/dev/null"))
    };
    MASKS.into_iter().any(is_mask)
}

/// All instances that systemd knows and that are not just stopped, by interface.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn instances() -> Result<BTreeMap<IfName, Condition>, NoAnswer> {
    let listed = ask_within(
        BUSY_LIMIT,
        "systemctl",
        &[
            "list-units",
            "--all",
            "--full",
            "--plain",
            "--no-legend",
            INSTANCES,
        ],
    )?;
    Ok(listed_instances(&String::from_utf8_lossy(&listed)))
}

/// Parses lines of `UNIT LOAD ACTIVE SUB DESCRIPTION`.
fn listed_instances(text: &str) -> BTreeMap<IfName, Condition> {
    let instance = |line: &str| {
        let mut words = line.split_whitespace();
        let instance = words.next()?.strip_prefix("autora@")?.strip_suffix(".service")?;
        let name = unit_name::interface_of(OsStr::new(instance)).ok()?;
        let unit = Unit {
            load: words.next()?.to_owned(),
            active: words.next()?.to_owned(),
            sub: words.next()?.to_owned(),
            ..Unit::default()
        };
        Some((name, unit.condition()))
    };
    text.lines().filter_map(instance).collect()
}

/// The variables that the units set beside their files, by unit name.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn environments(ids: &[String]) -> Result<BTreeMap<String, Vec<(String, String)>>, NoAnswer> {
    let values = property("Environment", ids)?;
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    Ok(values
        .into_iter()
        .map(|(id, value)| (id, variables(&value).map(owned).collect()))
        .collect())
}

fn variables(environment: &str) -> impl Iterator<Item = (&str, &str)> {
    environment.split(' ').filter_map(|word| word.split_once('='))
}

/// The main processes of those units that have one.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn main_pids(ids: &[String]) -> Result<BTreeMap<String, u32>, NoAnswer> {
    let values = property("MainPID", ids)?.into_iter();
    Ok(values
        .filter_map(|(id, value)| Some((id, value.parse().ok().filter(|&pid| pid != 0)?)))
        .collect())
}

fn property(property: &str, ids: &[String]) -> Result<BTreeMap<String, String>, NoAnswer> {
    let mut values = BTreeMap::new();
    let wanted = format!("--property=Id,{property}");
    for batch in ids.chunks(BATCH) {
        let mut arguments = vec!["show", &wanted, "--"];
        arguments.extend(batch.iter().map(String::as_str));
        let answer = ask_within(BUSY_LIMIT, "systemctl", &arguments)?;
        for paragraph in String::from_utf8_lossy(&answer).split("\n\n") {
            let of = |key: &str| {
                let mut lines = paragraph.lines().filter_map(|line| line.split_once('='));
                lines
                    .find(|(found, _)| *found == key)
                    .map(|(_, value)| value.to_owned())
            };
            values.extend(of("Id").zip(of(property)));
        }
    }
    Ok(values)
}

/// Queries the units `ids` with one call. The result is by unit name.
///
/// # Errors
/// If `systemctl` fails or does not answer in time.
pub(crate) fn units(ids: &[String]) -> Result<BTreeMap<String, Unit>, NoAnswer> {
    let mut arguments = vec![
        "show",
        "--property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainStatus,StatusText,\
         Environment",
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
                "Environment" => unit.environment = value,
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
    fn the_listed_instances_are_found_by_their_interface() {
        let text = "autora@tap-vm-1.service loaded active running IPv6 Router\n\
                    autora@tap\\x2b1.service masked inactive dead autora@tap\n\nautora.service loaded active exited x\n";
        let found: Vec<_> = listed_instances(text)
            .into_iter()
            .map(|(name, c)| (name.to_string(), c))
            .collect();
        assert_eq!(
            found,
            [
                ("tap+1".to_owned(), Condition::Masked),
                ("tap-vm-1".to_owned(), Condition::Running)
            ]
        );
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
