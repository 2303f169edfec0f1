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
use std::process::ExitCode;

use clap::ValueEnum;

use crate::exit::{self, Failure};
use crate::interfaces;
use crate::publication;
use crate::terminal;
use overview::Overview;
use table::Style;
use wanted::Wanted;

/// How to show it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// For a terminal
    Table,
    /// One document, whose shape is that of status.schema.json
    Json,
    /// Prometheus' text format
    Prometheus,
}

/// Shows the interfaces of these `names`, or all. `pattern` is that of the
/// options; if it serves nothing, the package's files are asked.
///
/// # Errors
/// When the publications or the interfaces cannot be read.
pub fn run(names: &[OsString], format: Format, pattern: &str) -> Result<ExitCode, Failure> {
    let names = names
        .iter()
        .map(|name| interfaces::named(name))
        .collect::<Result<Vec<_>, _>>()?;
    // What runs is shown even if nobody can say what should.
    let (wanted, refused) = match Wanted::new(pattern) {
        Ok(wanted) => (Some(wanted), None),
        Err(failure) => (None, Some(failure)),
    };
    let directory = publication::directory();
    let look = || {
        let found = publication::running(&directory).map_err(|error| {
            let doing = format!(
                "cannot read {}, where instances publish their state",
                directory.display()
            );
            Failure::os(&doing, error)
        })?;
        Ok((
            found.unreadable,
            Overview::of(found.instances, wanted.as_ref(), &names)?,
        ))
    };
    let (mut unreadable, mut overview) = look()?;
    if overview.is_outdated() {
        (unreadable, overview) = look()?;
    }
    terminal::print(&match format {
        Format::Table => {
            let style = Style {
                colour: terminal::wants_colour(),
                width: terminal::width(),
            };
            table::render(&overview, style)
        }
        Format::Json => json::render(&overview),
        Format::Prometheus => prometheus::render(&overview),
    })?;
    if unreadable > 0 {
        log::warn!(
            "{unreadable} files of running instances in {} cannot be understood, as after an upgrade: \
             systemctl restart autora",
            directory.display()
        );
    }
    match refused {
        Some(failure) => Err(failure),
        None => Ok(ExitCode::from(if overview.is_well() {
            exit::OK
        } else {
            exit::NO
        })),
    }
}
