//! Which interfaces are to be served.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::SERVES_NOTHING;
use crate::environment_file;
use crate::exit::{self, Failure};
use crate::ifname::IfName;
use crate::pattern::Pattern;

/// The settings of all instances, and of one.
const DEFAULTS: &str = "/etc/default/autora";
const OVERRIDES: &str = "/etc/default/autora.d";
const VARIABLE: &str = "AUTORA_INTERFACE_REGEX";

/// The pattern that decides.
#[derive(Debug)]
pub(super) struct Wanted {
    pattern: Pattern,
    /// It is that of the package's files, which may have another for a name.
    of_files: bool,
}

impl Wanted {
    /// Takes the pattern of the options, or if that serves nothing (it is the
    /// default) the one of the files that the package's units read.
    pub(super) fn new(option: &str) -> Result<Self, Failure> {
        let of_files = option == SERVES_NOTHING;
        let refused = |what| Failure::new(exit::CONFIG, what);
        let in_files = if of_files {
            in_file(Path::new(DEFAULTS)).map_err(refused)?
        } else {
            None
        };
        let pattern = compile(in_files.as_deref().unwrap_or(option)).map_err(refused)?;
        Ok(Self { pattern, of_files })
    }

    /// Whether the interface of this name is to be served, or why nobody can
    /// tell.
    pub(super) fn matches(&self, name: &IfName) -> Result<bool, String> {
        match self.own(name)? {
            Some(source) => Ok(compile(&source)?.matches(name)),
            None => Ok(self.pattern.matches(name)),
        }
    }

    /// What an operator would look for.
    pub(super) fn shown(&self) -> String {
        self.pattern.to_string()
    }

    /// A pattern for this name alone. systemd takes no file of a name with
    /// other characters than these, nor does the udev rule.
    fn own(&self, name: &IfName) -> Result<Option<String>, String> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || b":_.-".contains(b);
        if !self.of_files || !name.as_bytes().iter().all(plain) {
            return Ok(None);
        }
        in_file(&PathBuf::from(OVERRIDES).join(format!("{name}.conf")))
    }
}

fn compile(source: &str) -> Result<Pattern, String> {
    Pattern::new(source)
        .map_err(|reason| format!("--interface-regex ({VARIABLE} in {DEFAULTS}) is {source:?}: {reason}"))
}

fn in_file(file: &Path) -> Result<Option<String>, String> {
    // One that cannot be read sets nothing, as for systemd.
    let contents = fs::read(file).unwrap_or_default();
    environment_file::lookup(&contents, VARIABLE).map_err(|error| format!("{}: {error}", file.display()))
}
