//! `autora status`: the state of every instance of the host, and the
//! interfaces that should have an instance but have none.
//!
//! It reads the instances' state files, queries the kernel for interfaces
//! without an instance, and systemd for their units. No instance is woken up.

mod absence;
mod folded;
mod json;
mod overview;
mod prometheus;
mod table;
mod wanted;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Answer, CommandError, counted, named, terminal};
use crate::config::files::RefusedSettings;
use crate::config::instance::{self, Refusal};
use crate::state_file;
use overview::Overview;
use table::Style;
use wanted::Wanted;

/// What is shown; everything if nothing is selected.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Selection {
    /// Instances that run and do not advertise.
    pub waiting: bool,
    /// Interfaces without an instance, and instances that are overdue.
    pub failed: bool,
}

impl Selection {
    fn is_all(self) -> bool {
        !self.waiting && !self.failed
    }
}

/// The state of all instances at one moment.
#[derive(Debug)]
pub struct Status {
    overview: Overview,
    selection: Selection,
    /// Of all instances, in one line.
    summary: String,
    is_well: bool,
    directory: PathBuf,
    /// How many state files of running instances cannot be parsed.
    unreadable: usize,
    /// Why it is unknown which interfaces should have an instance.
    refused: Option<RefusedSettings>,
    /// What else in the files the instances would refuse.
    refused_setting: Option<Refusal>,
}

impl Status {
    /// Reads the state of the interfaces `names`, or of all if it is empty, and keeps
    /// what is selected. The answer is about all.
    /// `pattern` is the one of the options; if it matches nothing, which is the
    /// default, the one in the package's files is used.
    ///
    /// # Errors
    /// If the state files or the interfaces cannot be read.
    pub fn read(names: &[OsString], pattern: &str, selection: Selection) -> Result<Self, CommandError> {
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
            let overview = Overview::of(found.instances, &directory, wanted.as_ref(), &names)?;
            Ok::<_, CommandError>((found.unreadable, overview))
        };
        let (mut unreadable, mut overview) = read_once()?;
        if overview.is_outdated() {
            (unreadable, overview) = read_once()?;
        }
        let (summary, is_well) = (table::summary(&overview), overview.is_well());
        let overview = if selection.is_all() {
            overview
        } else {
            overview.only(selection)
        };
        let refused_setting = wanted
            .as_ref()
            .filter(|wanted| wanted.is_from_files())
            .and_then(|_| instance::refused_for_all());
        Ok(Self {
            overview,
            selection,
            summary,
            is_well,
            directory,
            unreadable,
            refused,
            refused_setting,
        })
    }

    /// As a table in the style of standard output.
    #[must_use]
    pub fn table(&self) -> String {
        let style = Style {
            colour: terminal::wants_colour(),
            width: terminal::width(),
        };
        if self.selection.is_all() {
            table::render(&self.overview, style)
        } else {
            format!("{}{}\n", folded::render(&self.overview, style), self.summary)
        }
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
                "{} of running instances in {} cannot be parsed, perhaps after an upgrade: \
                 systemctl restart autora",
                counted(self.unreadable, "state file", "state files"),
                self.directory.display()
            );
        }
        if let Some(refused) = &self.refused_setting {
            log::warn!("no instance can start with these settings: {refused}");
        }
        match self.refused {
            Some(refused) => Err(refused.into()),
            None => Ok(self.is_well.into()),
        }
    }
}
