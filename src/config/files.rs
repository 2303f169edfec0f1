//! The package's settings files, from which systemd sets an instance's environment variables.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use autora_core::interface_name::IfName;
use thiserror::Error;

use super::environment_file::{self, Ambiguous};
use super::pattern::{InvalidPattern, Pattern};

/// The settings of all instances.
pub(crate) const ALL: &str = "/etc/default/autora";
/// The directory with the settings of single interfaces, `NAME.conf`, which take precedence.
pub(crate) const OWN: &str = "/etc/default/autora.d";
/// The variable of the pattern.
pub(super) const PATTERN: &str = "AUTORA_INTERFACE_REGEX";

/// The content of a settings file.
pub(crate) struct SettingsFile {
    path: PathBuf,
    contents: Vec<u8>,
}

/// A settings file, or the pattern in it, is refused.
#[derive(Debug, Error)]
pub enum RefusedSettings {
    /// The value depends on the version of systemd.
    #[error("{}: {reason}", path.display())]
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The variable.
        reason: Ambiguous,
    },
    /// The file exists and cannot be read, by this user at least.
    #[error("{} cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The pattern is invalid.
    #[error("--interface-regex ({PATTERN}) is {text:?}: {reason}{}", place(file.as_deref()))]
    Pattern {
        /// The pattern as given.
        text: String,
        /// Why it is refused.
        reason: InvalidPattern,
        /// The file that contains it; `None` if it was given as an option.
        file: Option<PathBuf>,
    },
}

fn place(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!(" (in {})", file.display()))
}

impl SettingsFile {
    /// Reads a file. One that does not exist sets nothing, as with systemd (`EnvironmentFile=-`).
    ///
    /// # Errors
    /// If it exists and cannot be read: what it sets is unknown.
    pub(crate) fn read(path: &Path) -> Result<Self, RefusedSettings> {
        let contents = match fs::read(path) {
            Err(error) if is_absent(&error) => Vec::new(),
            read => read.map_err(|error| RefusedSettings::Unreadable {
                path: path.to_owned(),
                error,
            })?,
        };
        Ok(Self {
            path: path.to_owned(),
            contents,
        })
    }

    /// A file that does not exist.
    pub(super) fn empty(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            contents: Vec::new(),
        }
    }

    /// A file with this content.
    #[cfg(test)]
    pub(super) fn of(path: &str, contents: &str) -> Self {
        Self {
            path: path.into(),
            contents: contents.as_bytes().to_vec(),
        }
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file contains.
    pub(super) fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// The value of `variable`; `None` if the file does not set it.
    ///
    /// # Errors
    /// If the value depends on the version of systemd.
    pub(crate) fn lookup(&self, variable: &str) -> Result<Option<String>, RefusedSettings> {
        environment_file::lookup(&self.contents, variable).map_err(|reason| RefusedSettings::Ambiguous {
            path: self.path.clone(),
            reason,
        })
    }
}

/// Fails if this user cannot enter the directory with the settings of single interfaces.
///
/// # Errors
/// [`RefusedSettings::Unreadable`]
pub(crate) fn can_read_own() -> Result<(), RefusedSettings> {
    match fs::metadata(Path::new(OWN).join(".")) {
        Err(error) if !is_absent(&error) => Err(RefusedSettings::Unreadable {
            path: OWN.into(),
            error,
        }),
        _ => Ok(()),
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The file with the settings of `name` only; `None` if the name has characters
/// with which neither systemd nor the udev rule uses such a file.
pub(crate) fn own(name: &IfName) -> Option<PathBuf> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let is_plain = name.as_bytes().iter().all(plain);
    is_plain.then(|| Path::new(OWN).join(format!("{name}.conf")))
}

/// The text of a pattern, and where it comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PatternSource {
    text: String,
    file: Option<PathBuf>,
}

impl PatternSource {
    /// The pattern of an option or its variable.
    pub(crate) fn given(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            file: None,
        }
    }

    /// The pattern of the last of `files` that sets one.
    ///
    /// # Errors
    /// If a value depends on the version of systemd.
    pub(crate) fn in_files(files: &[PathBuf]) -> Result<Option<Self>, RefusedSettings> {
        let mut last = None;
        for path in files {
            let found = SettingsFile::read(path)?.lookup(PATTERN)?;
            let found = found.map(|text| Self {
                text,
                file: Some(path.clone()),
            });
            last = found.or(last);
        }
        Ok(last)
    }

    /// Compiles the pattern.
    ///
    /// # Errors
    /// If it is invalid.
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
    fn only_a_plain_name_has_its_own_file() {
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
    fn the_last_pattern_is_used_and_an_error_names_the_file() {
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
