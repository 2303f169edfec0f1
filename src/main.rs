//! The program: options, log, run, exit status.

use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use autora::cli::{Cli, Command, Options};
use autora::config::Config;
use autora::daemon::Daemon;
use autora::dry_run;
use autora::environment_file;
use autora::exit::{self, End, Failure};
use autora::ifname::IfName;
use autora::logging;
use autora::pattern::Pattern;
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Match {
            environment_file,
            name,
        }) => {
            return pattern_of(&environment_file, cli.options.interface_regex)
                .and_then(|pattern| matches(&pattern, name.as_bytes()))
                .unwrap_or_else(|message| {
                    let _ = io::stderr().write_all(format!("autora: {message}\n").as_bytes());
                    ExitCode::from(exit::CONFIG)
                });
        }
        None => run(&cli.options),
    };
    match result {
        Ok(end) => end.into(),
        Err(failure) => {
            log::error!("{}", failure.message);
            ExitCode::from(failure.status)
        }
    }
}

fn run(options: &Options) -> Result<End, Failure> {
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
            format!("--interface (AUTORA_INTERFACE) is {given:?}: {error}"),
        )
    })?;
    let name = match name {
        Some(name) => name,
        None if options.dry_run => {
            return dry_run::report(&config, &mut io::stdout().lock()).map(|()| End::Done);
        }
        None => only_match(&config.pattern)?,
    };
    Daemon::open(config, name, options.dry_run)?.run()
}

/// The one interface that matches, if it is one.
fn only_match(pattern: &Pattern) -> Result<IfName, Failure> {
    let mut matching = dry_run::interfaces()?;
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

/// What the instance gets from systemd: with files only they count, and one that cannot be read is skipped, as
/// `EnvironmentFile=-` does. Without files it is the option.
fn pattern_of(files: &[PathBuf], option: String) -> Result<String, String> {
    if files.is_empty() {
        return Ok(option);
    }
    let mut pattern = None;
    for file in files {
        let contents = fs::read(file).unwrap_or_default();
        let found = environment_file::lookup(&contents, "AUTORA_INTERFACE_REGEX")
            .map_err(|error| format!("{}: {error}", file.display()))?;
        pattern = found.or(pattern);
    }
    Ok(pattern.unwrap_or_else(|| "^$".to_owned()))
}

/// `autora match`: the exit status is the answer.
fn matches(pattern: &str, name: &[u8]) -> Result<ExitCode, String> {
    let pattern = Pattern::new(pattern)
        .map_err(|reason| format!("--interface-regex (AUTORA_INTERFACE_REGEX) is {pattern:?}: {reason}"))?;
    // What is no name of an interface matches nothing.
    let matches = IfName::new(name).is_ok_and(|name| pattern.matches(&name));
    Ok(ExitCode::from(u8::from(!matches)))
}
