//! The package's settings files, from which systemd gives an instance its variables.

use std::fs;
use std::path::{Path, PathBuf};

use autora_core::interface_name::IfName;
use thiserror::Error;

use super::environment_file::{self, Ambiguous};
use super::pattern::{InvalidPattern, Pattern};

/// The settings of all instances.
pub(crate) const ALL: &str = "/etc/default/autora";
/// Those of one, which count more: a file NAME.conf in it.
const OWN: &str = "/etc/default/autora.d";
/// The variable of the pattern.
pub(super) const PATTERN: &str = "AUTORA_INTERFACE_REGEX";

/// One of them, as it stands.
pub(crate) struct SettingsFile {
    path: PathBuf,
    contents: Vec<u8>,
}

/// A settings file, or the pattern in it, is refused.
#[derive(Debug, Error)]
pub enum RefusedSettings {
    /// Versions of systemd read it differently.
    #[error("{}: {reason}", path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// Where they differ.
        reason: Ambiguous,
    },
    /// The pattern is invalid.
    #[error("--interface-regex ({PATTERN}) is {text:?}: {reason}{}", place(file.as_deref()))]
    Pattern {
        /// The pattern as given.
        text: String,
        /// Why it is refused.
        reason: InvalidPattern,
        /// The file that it stands in, if it is not that of an option.
        file: Option<PathBuf>,
    },
}

fn place(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!(" (in {})", file.display()))
}

impl SettingsFile {
    /// One that cannot be read sets nothing, as for systemd (`EnvironmentFile=-`).
    pub(crate) fn read(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            contents: fs::read(path).unwrap_or_default(),
        }
    }

    /// The value that it gives to `variable`.
    ///
    /// # Errors
    /// When versions of systemd differ on that.
    pub(crate) fn lookup(&self, variable: &str) -> Result<Option<String>, RefusedSettings> {
        environment_file::lookup(&self.contents, variable).map_err(|reason| RefusedSettings::Ambiguous {
            path: self.path.clone(),
            reason,
        })
    }
}

/// The file for `name` alone. systemd takes none of a name with other
/// characters than these, nor does the udev rule.
pub(crate) fn own(name: &IfName) -> Option<PathBuf> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let is_plain = name.as_bytes().iter().all(plain);
    is_plain.then(|| Path::new(OWN).join(format!("{name}.conf")))
}

/// A pattern as somebody wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PatternSource {
    text: String,
    file: Option<PathBuf>,
}

impl PatternSource {
    /// That of an option, or of its variable.
    pub(crate) fn given(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            file: None,
        }
    }

    /// That of `files`, of which the last one that has any counts.
    ///
    /// # Errors
    /// When versions of systemd differ on one of them.
    pub(crate) fn in_files(files: &[PathBuf]) -> Result<Option<Self>, RefusedSettings> {
        let mut last = None;
        for path in files {
            let found = SettingsFile::read(path).lookup(PATTERN)?;
            let found = found.map(|text| Self {
                text,
                file: Some(path.clone()),
            });
            last = found.or(last);
        }
        Ok(last)
    }

    /// The pattern itself.
    ///
    /// # Errors
    /// Why it is refused, and where it stands.
    pub(crate) fn compile(&self) -> Result<Pattern, RefusedSettings> {
        Pattern::new(&self.text).map_err(|reason| RefusedSettings::Pattern {
            text: self.text.clone(),
            reason,
            file: self.file.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_has_a_file_of_its_own() {
        let own = |name: &[u8]| own(&IfName::new(name).unwrap());
        for (name, file) in [
            (&b"tap-vm-1"[..], "/etc/default/autora.d/tap-vm-1.conf"),
            (b"eth0.5", "/etc/default/autora.d/eth0.5.conf"),
        ] {
            assert_eq!(own(name), Some(file.into()));
        }
        for name in [&b"tap+1"[..], b"tap*", b"\xff", b"a\\b", b"a@b"] {
            assert_eq!(own(name), None);
        }
    }

    #[test]
    fn the_last_pattern_counts_and_is_refused_with_its_place() {
        let file = |name: &str, text: &str| {
            let path = std::env::temp_dir().join(format!("autora-{name}-{}", std::process::id()));
            fs::write(&path, text).unwrap();
            path
        };
        let files = [
            file("all", "AUTORA_INTERFACE_REGEX='('\n"),
            file("own", "AUTORA_INTERFACE_REGEX=^tap\n"),
            file("none", "AUTORA_LOG=info\n"),
            "/nonexistent".into(),
        ];
        let source = |files: &[PathBuf]| PatternSource::in_files(files).unwrap();
        assert_eq!(source(&files).unwrap().compile().unwrap().to_string(), "^tap");
        assert_eq!(source(&files[2..]), None);
        let refused = source(&files[..1]).unwrap().compile().unwrap_err().to_string();
        assert!(
            refused.ends_with(&format!(" (in {})", files[0].display())),
            "{refused}"
        );
        for path in &files[..3] {
            fs::remove_file(path).unwrap();
        }
    }
}
