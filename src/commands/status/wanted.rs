//! Which interfaces are to be served.

use autora_core::interface_name::IfName;

use crate::config::SERVES_NOTHING;
use crate::config::files::{self, PatternSource, RefusedSettings};
use crate::config::pattern::Pattern;

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
    pub(super) fn new(option: &str) -> Result<Self, RefusedSettings> {
        let of_files = option == SERVES_NOTHING;
        let in_files = if of_files {
            PatternSource::in_files(&[files::ALL.into()])?
        } else {
            None
        };
        let source = in_files.unwrap_or_else(|| PatternSource::given(option));
        let pattern = source.compile()?;
        Ok(Self { pattern, of_files })
    }

    /// Whether the interface of this name is to be served, or why nobody can
    /// tell.
    pub(super) fn matches(&self, name: &IfName) -> Result<bool, RefusedSettings> {
        let own = files::own(name).filter(|_| self.of_files);
        match PatternSource::in_files(own.as_slice())? {
            Some(source) => Ok(source.compile()?.matches(name)),
            None => Ok(self.pattern.matches(name)),
        }
    }

    /// What an operator would look for.
    pub(super) fn shown(&self) -> String {
        self.pattern.to_string()
    }
}
