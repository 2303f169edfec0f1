//! Which interfaces should have an instance.

use autora_core::interface_name::IfName;

use crate::config::SERVES_NOTHING;
use crate::config::files::{self, PatternSource, RefusedSettings};
use crate::config::pattern::Pattern;

/// The pattern of the interfaces that should have an instance.
#[derive(Debug)]
pub(super) struct Wanted {
    pattern: Pattern,
    /// Whether it comes from the package's files, which may have another pattern
    /// for one interface.
    from_files: bool,
}

impl Wanted {
    /// Takes the pattern of the options. If that matches nothing, which is the
    /// default, takes the one in the files that the package's units read.
    pub(super) fn new(option: &str) -> Result<Self, RefusedSettings> {
        let from_files = option == SERVES_NOTHING;
        if from_files {
            files::can_read_own()?;
        }
        let in_files = if from_files {
            PatternSource::in_files(&[files::ALL.into()])?
        } else {
            None
        };
        let source = in_files.unwrap_or_else(|| PatternSource::given(option));
        let pattern = source.compile()?;
        Ok(Self { pattern, from_files })
    }

    /// Whether the interface should have an instance.
    ///
    /// # Errors
    /// If its own settings are refused.
    pub(super) fn matches(&self, name: &IfName) -> Result<bool, RefusedSettings> {
        let own = files::own(name).filter(|_| self.from_files);
        match PatternSource::in_files(own.as_slice())? {
            Some(source) => Ok(source.compile()?.matches(name)),
            None => Ok(self.pattern.matches(name)),
        }
    }

    /// Whether the settings are those of the package's files.
    pub(super) fn is_from_files(&self) -> bool {
        self.from_files
    }

    /// The text of the pattern.
    pub(super) fn pattern(&self) -> String {
        self.pattern.to_string()
    }
}
