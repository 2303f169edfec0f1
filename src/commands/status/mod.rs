//! `autora status`: the state of every instance of the host, and the
//! interfaces that should have an instance but have none.
//!
//! It reads the instances' state files, queries the kernel for interfaces
//! without an instance, and systemd for their units. No instance is woken up.

mod absence;
mod json;
mod overview;
mod prometheus;
mod table;
mod wanted;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Answer, CommandError, named, terminal};
use crate::config::files::RefusedSettings;
use crate::state_file;
use overview::Overview;
use table::Style;
use wanted::Wanted;

/// The state of all instances at one moment.
#[derive(Debug)]
pub struct Status {
    overview: Overview,
    directory: PathBuf,
    /// How many state files of running instances cannot be parsed.
    unreadable: usize,
    /// Why it is unknown which interfaces should have an instance.
    refused: Option<RefusedSettings>,
}

impl Status {
    /// Reads the state of the interfaces `names`, or of all if it is empty.
    /// `pattern` is the one of the options; if it matches nothing, which is the
    /// default, the one in the package's files is used.
    ///
    /// # Errors
    /// If the state files or the interfaces cannot be read.
    pub fn read(names: &[OsString], pattern: &str) -> Result<Self, CommandError> {
        let names = names
            .iter()
            .map(|name| named(name))
            .collect::<Result<Vec<_>, _>>()?;
        // Running instances are shown even if the pattern is refused.
        let (wanted, refused) = match Wanted::new(pattern) {
            Ok(wanted) => (Some(wanted), None),
            Err(refused) => (None, Some(refused)),
        };
        let directory = state_file::directory();
        let read_once = || {
            let found = state_file::running(&directory).map_err(CommandError::os(format!(
                "cannot read {}, where instances publish their state",
                directory.display()
            )))?;
            let overview = Overview::of(found.instances, wanted.as_ref(), &names)?;
            Ok::<_, CommandError>((found.unreadable, overview))
        };
        let (mut unreadable, mut overview) = read_once()?;
        if overview.is_outdated() {
            (unreadable, overview) = read_once()?;
        }
        Ok(Self {
            overview,
            directory,
            unreadable,
            refused,
        })
    }

    /// As a table in the style of standard output.
    #[must_use]
    pub fn table(&self) -> String {
        let style = Style {
            colour: terminal::wants_colour(),
            width: terminal::width(),
        };
        table::render(&self.overview, style)
    }

    /// As the JSON document that `status.schema.json` describes.
    #[must_use]
    pub fn json(&self) -> String {
        json::render(&self.overview)
    }

    /// As metrics in Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        prometheus::render(&self.overview)
    }

    /// Whether no problem was found. Logs what none of the formats shows.
    ///
    /// # Errors
    /// If the settings are refused, so that the answer is unknown.
    pub fn into_answer(self) -> Result<Answer, CommandError> {
        if self.unreadable > 0 {
            log::warn!(
                "{} state files of running instances in {} cannot be parsed, perhaps after an upgrade: \
                 systemctl restart autora",
                self.unreadable,
                self.directory.display()
            );
        }
        match self.refused {
            Some(refused) => Err(refused.into()),
            None => Ok(self.overview.is_well().into()),
        }
    }
}
