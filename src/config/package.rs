//! The settings files of the package as a whole, for all instances.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use autora_core::interface_name::IfName;

use super::environment_file;
use super::files::{self, OWN, SettingsFile};
use super::instance::{RefusedInstance, Values, values, with_place};
use super::pattern::Pattern;

/// The settings of all instances; none is refused.
pub(crate) struct Package {
    all: SettingsFile,
    own: BTreeMap<IfName, SettingsFile>,
    /// What the file of all sets.
    shared: Effective,
    /// What it sets together with the interface's own file.
    single: BTreeMap<IfName, Effective>,
    /// A line for each place that systemd reads differently than it looks.
    pub(crate) warnings: Vec<String>,
}

/// What files set, read once for all interfaces that they are for.
struct Effective {
    values: Values,
    pattern: Pattern,
}

impl Package {
    /// Reads and checks all files.
    ///
    /// # Errors
    /// A line for each value that is refused, with file, line and variable.
    pub(crate) fn read() -> Result<Self, Vec<String>> {
        let (mut refused, mut own) = (Vec::new(), BTreeMap::new());
        for name in names_with_a_file().unwrap_or_else(|error| {
            refused.push(format!("{OWN}: {error}"));
            Vec::new()
        }) {
            if let Some(file) = files::own(&name).and_then(|path| open(&path, &mut refused)) {
                own.insert(name, file);
            }
        }
        let all = open(Path::new(files::ALL), &mut refused);
        let all = all.unwrap_or_else(|| SettingsFile::empty(Path::new(files::ALL)));
        Self::check(all, own, refused)
    }

    fn check(
        all: SettingsFile,
        own: BTreeMap<IfName, SettingsFile>,
        mut refused: Vec<String>,
    ) -> Result<Self, Vec<String>> {
        let mut warnings = Vec::new();
        for file in std::iter::once(&all).chain(own.values()) {
            let path = file.path().display();
            if environment_file::is_ignored(file.contents()) {
                refused.push(format!(
                    "{path}: it is not UTF-8, and systemd ignores such a file"
                ));
            }
            for (line, what) in environment_file::warnings(file.contents()) {
                warnings.push(format!("{path}:{line}: {what}"));
            }
        }
        let mut take = |files: &[&SettingsFile]| -> Option<Effective> {
            let effective = values(Values::defaults(), files).and_then(|values| {
                let pattern = values.config()?.pattern;
                Ok(Effective { values, pattern })
            });
            match effective {
                Ok(effective) => Some(effective),
                Err(error) => {
                    refused.push(with_place(&error, files));
                    None
                }
            }
        };
        let shared = take(&[&all]);
        let mut single = BTreeMap::new();
        // What is wrong in the settings of all would be repeated for each.
        if shared.is_some() {
            for (name, file) in &own {
                single.extend(take(&[&all, file]).map(|effective| (*name, effective)));
            }
        }
        match shared {
            Some(shared) if refused.is_empty() => Ok(Self {
                all,
                own,
                shared,
                single,
                warnings,
            }),
            _ => Err(refused),
        }
    }

    /// The interfaces that have settings of their own.
    pub(crate) fn with_own_settings(&self) -> impl Iterator<Item = &IfName> {
        self.own.keys()
    }

    /// Whether the interface is to be served.
    pub(crate) fn matches(&self, name: &IfName) -> bool {
        self.effective(name).pattern.matches(name)
    }

    fn effective(&self, name: &IfName) -> &Effective {
        self.single.get(name).unwrap_or(&self.shared)
    }

    /// What changes for the instance of `name`, which runs with the variables
    /// `environment`; its unit sets the variables `by_unit` beside the files.
    /// `None` if nothing does, or if that cannot be told.
    pub(crate) fn difference(
        &self,
        name: &IfName,
        environment: &[(String, String)],
        by_unit: &[(String, String)],
    ) -> Option<String> {
        let mut running = Values::defaults();
        running.take("", lookup_in(environment)).ok()?;
        if by_unit.is_empty() {
            return self.effective(name).values.difference(&running);
        }
        let mut next = Values::defaults();
        next.take("", lookup_in(by_unit)).ok()?;
        let files: Vec<_> = std::iter::once(&self.all).chain(self.own.get(name)).collect();
        values(next, &files).ok()?.difference(&running)
    }
}

/// The file; `None` if it does not exist. A file that exists and cannot be read is refused.
fn open(path: &Path, refused: &mut Vec<String>) -> Option<SettingsFile> {
    match fs::File::open(path).and_then(|file| file.metadata()) {
        Ok(metadata) if metadata.is_file() => {
            let file = SettingsFile::read(path);
            file.map_err(|error| refused.push(error.to_string())).ok()
        }
        Ok(_) => {
            refused.push(format!("{}: it is not a file", path.display()));
            None
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            refused.push(format!("{}: {error}", path.display()));
            None
        }
    }
}

/// The interfaces with settings of their own.
fn names_with_a_file() -> io::Result<Vec<IfName>> {
    let entries = match fs::read_dir(OWN) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry?.file_name();
        let name = file.as_encoded_bytes().strip_suffix(b".conf");
        names.extend(name.and_then(|name| IfName::new(name).ok()));
    }
    Ok(names)
}

fn lookup_in(variables: &[(String, String)]) -> impl Fn(&str) -> Result<Option<String>, RefusedInstance> {
    move |name| {
        let found = variables.iter().rfind(|(key, _)| key == name);
        Ok(found.map(|(_, value)| value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> IfName {
        IfName::new(name.as_bytes()).unwrap()
    }

    fn file(path: &str, text: &str) -> SettingsFile {
        SettingsFile::of(path, text)
    }

    fn package(all: &str, own: &str) -> Result<Package, Vec<String>> {
        let own = BTreeMap::from([(name("tap1"), file("tap1.conf", own))]);
        Package::check(file("all", all), own, Vec::new())
    }

    fn refused(all: &str, own: &str) -> Vec<String> {
        package(all, own).err().unwrap()
    }

    #[test]
    fn a_refused_value_is_named_with_its_file_line_and_variable() {
        let all = "# a\nAUTORA_INTERFACE_REGEX='^tap'\nAUTORA_ROUTER_LIFETIME=9x\n";
        let lines = refused(all, "AUTORA_LOG=loud\n");
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("all:3: --router-lifetime (AUTORA_ROUTER_LIFETIME) is \"9x\": "));
        let lines = refused("", "\nAUTORA_LOG=loud\n");
        assert!(
            lines[0].starts_with("tap1.conf:2: --log-level (AUTORA_LOG) is "),
            "{lines:?}"
        );
        // Each file is in order alone, but not both together.
        let lines = refused(
            "AUTORA_MAX_RA_INTERVAL=600s\nAUTORA_ROUTER_LIFETIME=900s\n",
            "AUTORA_ROUTER_LIFETIME=180s\n",
        );
        assert!(
            lines[0].starts_with("tap1.conf:1: --router-lifetime"),
            "{lines:?}"
        );
        assert!(refused("P=\0", "")[0].starts_with("all: it is not UTF-8"));
        assert!(refused("AUTORA_INTERFACE_REGEX=(\n", "")[0].starts_with("all:1: --interface-regex"));
    }

    #[test]
    fn the_settings_of_one_interface_take_precedence() {
        let all = "AUTORA_INTERFACE_REGEX=^tap\nAUTORA_ROUTER_LIFETIME=600s\n";
        let package = package(all, "AUTORA_INTERFACE_REGEX=^$\nAUTORA_ROUTER_LIFETIME=300s\n")
            .ok()
            .unwrap();
        assert!(!package.matches(&name("tap1")) && package.matches(&name("tap2")));
        let runs_with = [("AUTORA_ROUTER_LIFETIME".to_owned(), "5m".to_owned())];
        assert_eq!(package.difference(&name("tap1"), &runs_with, &[]), None);
        assert_eq!(
            package.difference(&name("tap2"), &runs_with, &[]).as_deref(),
            Some("router-lifetime 300s → 600s")
        );
        let quiet = [("AUTORA_LOG".to_owned(), "error".to_owned())];
        assert_eq!(
            package.difference(&name("tap1"), &runs_with, &quiet).as_deref(),
            Some("log-level info → error")
        );
    }

    #[test]
    fn what_systemd_reads_differently_is_a_warning() {
        let package = package(
            "AUTORA_INTERFACE_REGEX='^tap' # taps\n",
            "export AUTORA_LOG=info\n",
        );
        let warnings = package.ok().unwrap().warnings;
        assert!(
            warnings[0].starts_with("all:1: ") && warnings[1].starts_with("tap1.conf:1: "),
            "{warnings:?}"
        );
    }
}
