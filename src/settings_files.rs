//! The package's settings files, from which systemd gives an instance its variables.

use std::fs;
use std::path::{Path, PathBuf};

use crate::environment_file;
use crate::ifname::IfName;
use crate::pattern::Pattern;

/// The settings of all instances.
pub const ALL: &str = "/etc/default/autora";
/// Those of one, which count more: a file NAME.conf in it.
const OWN: &str = "/etc/default/autora.d";
const PATTERN: &str = "AUTORA_INTERFACE_REGEX";

/// One of them, as it stands.
pub struct SettingsFile {
    path: PathBuf,
    contents: Vec<u8>,
}

impl SettingsFile {
    /// One that cannot be read sets nothing, as for systemd (`EnvironmentFile=-`).
    #[must_use]
    pub fn read(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            contents: fs::read(path).unwrap_or_default(),
        }
    }

    /// The value that it gives to `variable`.
    ///
    /// # Errors
    /// When versions of systemd differ on that.
    pub fn lookup(&self, variable: &str) -> Result<Option<String>, String> {
        environment_file::lookup(&self.contents, variable)
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// The file for `name` alone. systemd takes none of a name with other
/// characters than these, nor does the udev rule.
#[must_use]
pub fn own(name: &IfName) -> Option<PathBuf> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let is_plain = name.as_bytes().iter().all(plain);
    is_plain.then(|| Path::new(OWN).join(format!("{name}.conf")))
}

/// A pattern as somebody wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternSource {
    text: String,
    file: Option<PathBuf>,
}

impl PatternSource {
    /// That of an option, or of its variable.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            file: None,
        }
    }

    /// That of `files`, of which the last one that has any counts.
    ///
    /// # Errors
    /// When versions of systemd differ on one of them.
    pub fn in_files(files: &[PathBuf]) -> Result<Option<Self>, String> {
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
    /// What is wrong with it, and where it stands.
    pub fn compile(&self) -> Result<Pattern, String> {
        Pattern::new(&self.text).map_err(|reason| {
            let place = self.file.as_ref().map(|file| format!(" (in {})", file.display()));
            let place = place.unwrap_or_default();
            format!(
                "--interface-regex ({PATTERN}) is {:?}: {reason}{place}",
                self.text
            )
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
        let refused = source(&files[..1]).unwrap().compile().unwrap_err();
        assert!(
            refused.ends_with(&format!(" (in {})", files[0].display())),
            "{refused}"
        );
        for path in &files[..3] {
            fs::remove_file(path).unwrap();
        }
    }
}
