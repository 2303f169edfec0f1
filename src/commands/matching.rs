//! `autora match`: whether an interface with a given name is to be served, for udev's rule.

use std::path::PathBuf;

use autora_core::interface_name::IfName;

use super::{Answer, CommandError, all_interfaces};
use crate::advice::shell;
use crate::config::SERVES_NOTHING;
use crate::config::files::{self, PatternSource};
use crate::config::pattern::Pattern;
use crate::systemd::units;

/// Whether autora.service is active, so that udev is to start instances.
#[must_use]
pub fn switch_is_on() -> bool {
    units::switch_is_on()
}

/// Whether `name` matches the pattern: the one that systemd would read from
/// `files`, or `option` if there are none, or, if that is the default, the one
/// that the package's files have for it.
///
/// # Errors
/// If the pattern is invalid, or a file cannot be read.
pub fn run(files: &[PathBuf], option: &str, name: &[u8]) -> Result<Answer, CommandError> {
    let name = IfName::new(name).ok();
    let source = if !files.is_empty() {
        PatternSource::in_files(files)?
    } else if option == SERVES_NOTHING {
        let own = name.as_ref().and_then(files::own);
        let files: Vec<_> = std::iter::once(files::ALL.into()).chain(own).collect();
        PatternSource::in_files(&files)?
    } else {
        Some(PatternSource::given(option))
    };
    let source = source.unwrap_or_else(|| PatternSource::given(SERVES_NOTHING));
    let pattern = source.compile()?;
    // A name that no interface can have does not match.
    Ok(name.is_some_and(|name| pattern.matches(&name)).into())
}

/// The only interface that matches.
///
/// # Errors
/// If none or more than one does.
pub fn only_match(pattern: &Pattern) -> Result<IfName, CommandError> {
    let mut matching = all_interfaces()?;
    matching.retain(|(_, name)| pattern.matches(name));
    let pattern = pattern.to_string();
    match &matching[..] {
        [] => Err(CommandError::NoneMatches { pattern }),
        [(_, name)] => Ok(*name),
        several => {
            let choice =
                |(_, name): &(u32, IfName)| format!("\n  autora --interface {}", shell::interface(name));
            let choices = several.iter().map(choice).collect();
            Err(CommandError::SeveralMatch { pattern, choices })
        }
    }
}
