//! The program: parses options, sets the logger, runs, and sets the exit status.

use std::hint::black_box;
use std::os::unix::ffi::OsStrExt;
use std::process::{self, ExitCode};

use autora::advice::shell::escaped_dashes_hint;
use autora::cli::{self, Cli, Command, Format, Options};
use autora::commands::status::{Selection, Status};
use autora::commands::{Answer, apply, check, dry_run, matching, terminal};
use autora::config::Config;
use autora::daemon;
use autora::exit::{self, Failure};
use autora::systemd::journal;
use autora::systemd::message_id::MessageId;
use autora::systemd::unit_name;
use autora_core::interface_name::IfName;
use clap::Parser;
use log::LevelFilter;

fn main() -> ExitCode {
    let Cli { command, options } = parse();
    let result = match command {
        Some(command) => answer(&command, &options).map(ExitCode::from),
        None => run(options),
    };
    let status = result.unwrap_or_else(|failure| {
        report(&failure);
        ExitCode::from(failure.status)
    });
    // The last time to tell of lines that were lost.
    log::logger().flush();
    status
}

fn answer(command: &Command, options: &Options) -> Result<Answer, Failure> {
    let pattern = &options.interface_regex;
    match command {
        Command::Match(command) if command.switch && !matching::switch_is_on() => Ok(Answer::No),
        Command::Match(command) => {
            journal::init_command(LevelFilter::Error);
            Ok(matching::run(
                &command.environment_file,
                pattern,
                command.name.as_bytes(),
            )?)
        }
        Command::Status(command) => {
            journal::init_command(LevelFilter::Warn);
            let selection = Selection {
                waiting: command.waiting,
                failed: command.failed,
            };
            let status = Status::read(&command.names, pattern, selection)?;
            terminal::print(&match command.format {
                Format::Table => status.table(),
                Format::Json => status.json(),
                Format::Prometheus => status.prometheus(),
            })?;
            Ok(status.into_answer()?)
        }
        Command::Check(command) => {
            journal::init_command(LevelFilter::Error);
            Ok(check::run(&command.names, pattern)?)
        }
        Command::Apply(command) => {
            journal::init_command(LevelFilter::Warn);
            if command.stop {
                return Ok(apply::stop()?);
            }
            Ok(apply::run(apply::Request {
                dry_run: command.dry_run,
                wait: command.wait,
                restart: command.restart,
                allow_none: command.allow_none,
            })?)
        }
    }
}

fn report(failure: &Failure) {
    log::error!(
        MESSAGE_ID = message_id(failure.status).id(), AUTORA_EXIT_STATUS = failure.status;
        "{}", failure.message
    );
    journal::wait_for_unit();
}

/// The message ID for an exit with `status`.
fn message_id(status: u8) -> MessageId {
    match status {
        exit::NO_INPUT => MessageId::NoInterface,
        exit::NO_PERMISSION => MessageId::NoPermission,
        exit::USAGE | exit::CONFIG => MessageId::ConfigRefused,
        _ => MessageId::SystemFailed,
    }
}

/// Reports a value that does not parse like one that is out of its bounds. clap prints all other
/// errors and the help.
fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let message = cli::bad_value(&error).unwrap_or_else(|| error.exit());
        journal::init_command(LevelFilter::Error);
        report(&Failure::new(exit::USAGE, message));
        process::exit(exit::USAGE.into())
    })
}

/// Never inlined: its frame, which holds the instance, then lies where clap's lay, and not above them.
#[inline(never)]
fn run(options: Options) -> Result<ExitCode, Failure> {
    let name = interface(&options);
    let interface = name.as_ref().ok().copied().flatten();
    let level = options.log_level.into();
    if options.dry_run && options.interface.is_none() {
        journal::init_instance(level, interface);
        let report = dry_run::report(&options.interface_regex, &options.given.0)?;
        terminal::print(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let (settings, dry_run) = (options.settings(), options.dry_run);
    // Before the logger is made: what it keeps would hold the heap below it.
    drop(options);
    journal::init_instance(level, interface);
    journal::leave_standard_error();
    let config = Config::try_from(&settings)?;
    drop(settings);
    let name = match name? {
        Some(name) => name,
        None => matching::only_match(&config.pattern)?,
    };
    Ok(daemon::serve(config, name, dry_run, give_back_memory)?.into())
}

/// The interface that is given, if one is.
fn interface(options: &Options) -> Result<Option<IfName>, Failure> {
    let Some(given) = options.interface.as_deref() else {
        return Ok(None);
    };
    unit_name::interface_of(given).map(Some).map_err(|error| {
        Failure::new(
            exit::CONFIG,
            format!(
                "--interface (AUTORA_INTERFACE) is {given:?}: {error}{}",
                escaped_dashes_hint(&given.to_string_lossy())
            ),
        )
    })
}

/// Returns to the kernel the memory that parsing the options and the pattern
/// used, twice what a running instance needs. glibc trims the end of its heap
/// when a block of at least 64 KiB is freed, if the unit's `GLIBC_TUNABLES`
/// allow it.
fn give_back_memory() {
    drop(black_box(Vec::<u8>::with_capacity(64 * 1024)));
}
