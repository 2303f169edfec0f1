//! `autora status`: what every instance of the host does, and which
//! interfaces should have one but have not.
//!
//! It reads what instances have published, asks the kernel about interfaces
//! without an instance, and systemd about their units. No instance notices.

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
    /// State files of running instances that cannot be understood.
    unreadable: usize,
    /// Why nobody can say what should run.
    refused: Option<RefusedSettings>,
}

impl Status {
    /// Reads the state of the interfaces of these `names`, or of all. `pattern`
    /// is that of the options; if it serves nothing, that of the package's files.
    ///
    /// # Errors
    /// When the state files or the interfaces cannot be read.
    pub fn read(names: &[OsString], pattern: &str) -> Result<Self, CommandError> {
        let names = names
            .iter()
            .map(|name| named(name))
            .collect::<Result<Vec<_>, _>>()?;
        // What runs is shown even if nobody can say what should.
        let (wanted, refused) = match Wanted::new(pattern) {
            Ok(wanted) => (Some(wanted), None),
            Err(refused) => (None, Some(refused)),
        };
        let directory = state_file::directory();
        let look = || {
            let found = state_file::running(&directory).map_err(CommandError::os(format!(
                "cannot read {}, where instances publish their state",
                directory.display()
            )))?;
            let overview = Overview::of(found.instances, wanted.as_ref(), &names)?;
            Ok::<_, CommandError>((found.unreadable, overview))
        };
        let (mut unreadable, mut overview) = look()?;
        if overview.is_outdated() {
            (unreadable, overview) = look()?;
        }
        Ok(Self {
            overview,
            directory,
            unreadable,
            refused,
        })
    }

    /// As a table, for the terminal that standard output is, or for a pipe.
    #[must_use]
    pub fn table(&self) -> String {
        let style = Style {
            colour: terminal::wants_colour(),
            width: terminal::width(),
        };
        table::render(&self.overview, style)
    }

    /// As one document, whose shape is that of `status.schema.json`.
    #[must_use]
    pub fn json(&self) -> String {
        json::render(&self.overview)
    }

    /// As metrics in Prometheus' text format.
    #[must_use]
    pub fn prometheus(&self) -> String {
        prometheus::render(&self.overview)
    }

    /// Whether all is well; logs what none of the formats shows.
    ///
    /// # Errors
    /// If the settings are refused, so that nobody can tell.
    pub fn conclude(self) -> Result<Answer, CommandError> {
        if self.unreadable > 0 {
            log::warn!(
                "{} files of running instances in {} cannot be understood, as after an upgrade: \
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
