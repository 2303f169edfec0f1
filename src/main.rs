//! The program: options, log, run, exit status.

use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::process::{self, ExitCode};

use autora::check;
use autora::cli::{self, Cli, Command, Options};
use autora::config::Config;
use autora::daemon::Daemon;
use autora::dry_run;
use autora::exit::{self, Failure};
use autora::ifname::{IfName, escaped_dashes};
use autora::interfaces;
use autora::logging;
use autora::matching;
use autora::pattern::Pattern;
use autora::status;
use autora::terminal;
use clap::Parser;
use log::LevelFilter;

fn main() -> ExitCode {
    let result = match parse() {
        Cli {
            command: Some(Command::Match(command)),
            options,
        } => matching::run(
            &command.environment_file,
            &options.interface_regex,
            command.name.as_bytes(),
        ),
        Cli {
            command: Some(Command::Status(command)),
            options,
        } => {
            logging::init(LevelFilter::Warn, None);
            status::run(&command.names, command.format, &options.interface_regex)
        }
        Cli {
            command: Some(Command::Check(command)),
            options,
        } => check::run(&command.names, &options.interface_regex),
        Cli {
            command: None,
            options,
        } => run(options),
    };
    result.unwrap_or_else(|failure| {
        report(&failure);
        ExitCode::from(failure.status)
    })
}

fn report(failure: &Failure) {
    log::error!(
        MESSAGE_ID = failure.message_id().id(), AUTORA_EXIT_STATUS = failure.status;
        "{}", failure.message
    );
}

/// A value that does not parse is reported like one that is out of its bounds; for the rest, help
/// included, clap speaks to whoever typed it.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let message = cli::bad_value(&error).unwrap_or_else(|| error.exit());
        logging::init(LevelFilter::Error, None);
        report(&Failure::new(exit::USAGE, message));
        process::exit(exit::USAGE.into())
    })
}

fn run(options: Options) -> Result<ExitCode, Failure> {
    let name = options
        .interface
        .as_deref()
        .map(IfName::from_unit_instance)
        .transpose();
    logging::init(
        options.log_level.into(),
        name.as_ref().ok().and_then(Option::as_ref),
    );
    let config = Config::try_from(&options.settings())
        .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
    let name = name.map_err(|error| {
        let given = options.interface.as_deref().unwrap_or_default();
        Failure::new(
            exit::CONFIG,
            format!(
                "--interface (AUTORA_INTERFACE) is {given:?}: {error}{}",
                escaped_dashes(&given.to_string_lossy())
            ),
        )
    })?;
    let name = match name {
        Some(name) => name,
        None if options.dry_run => {
            terminal::print(&dry_run::report(&config)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        None => only_match(&config.pattern)?,
    };
    let dry_run = options.dry_run;
    drop(options);
    let daemon = Daemon::open(config, name, dry_run)?;
    give_back_memory();
    daemon.run().map(ExitCode::from)
}

/// Returns to the kernel what parsing the options and the pattern took, twice
/// what a running instance needs. glibc looks for unused pages at the end of
/// its heap when a block of at least 64 KiB is freed, if the unit's
/// `GLIBC_TUNABLES` let it.
fn give_back_memory() {
    drop(black_box(Vec::<u8>::with_capacity(64 * 1024)));
}

/// The one interface that matches, if it is one.
fn only_match(pattern: &Pattern) -> Result<IfName, Failure> {
    let mut matching = interfaces::all()?;
    matching.retain(|(_, name)| pattern.matches(name));
    if matching.len() > 1 {
        let mut message =
            format!("--interface (AUTORA_INTERFACE) is not set, and '{pattern}' matches several; one of:");
        message.extend(
            matching
                .iter()
                .map(|(_, name)| format!("\n  autora --interface {}", name.shell())),
        );
        return Err(Failure::new(exit::CONFIG, message));
    }
    matching.pop().map(|(_, name)| name).ok_or_else(|| {
        Failure::new(
            exit::NO_INPUT,
            format!("no interface matches '{pattern}': set --interface-regex (AUTORA_INTERFACE_REGEX); see --dry-run"),
        )
    })
}
