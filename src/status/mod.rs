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

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::ValueEnum;

use crate::exit::{self, Failure};
use crate::ifname::IfName;
use crate::publication;
use overview::Overview;
use table::Style;
use wanted::Wanted;

/// Everything that was asked for has an instance that is not overdue.
const WELL: u8 = exit::OK;
/// Something has not.
const NOT_WELL: u8 = 1;

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
    let names = names.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
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
    print(&match format {
        Format::Table => table::render(&overview, style()),
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
        None => Ok(ExitCode::from(if overview.is_well() { WELL } else { NOT_WELL })),
    }
}

fn parse(name: &OsString) -> Result<IfName, Failure> {
    IfName::from_unit_instance(name).map_err(|error| Failure::new(exit::CONFIG, format!("{name:?}: {error}")))
}

fn style() -> Style {
    let is_terminal = io::stdout().is_terminal();
    let refuses_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Style {
        colour: is_terminal && !refuses_colour && env::var_os("TERM").is_none_or(|term| term != "dumb"),
        width: terminal_size::terminal_size()
            .filter(|_| is_terminal)
            .map(|(width, _)| width.0.into()),
    }
}

/// Whoever reads it may stop reading, as `head` does.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|error| Failure::os("cannot write the status", error)),
    }
}
