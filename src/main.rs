//! The program: options, log, run, exit status.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use autora::cli::{Cli, Command, Options};
use autora::config::Config;
use autora::daemon::Daemon;
use autora::dry_run;
use autora::exit::{self, End, Failure};
use autora::ifname::IfName;
use autora::logging;
use autora::pattern::Pattern;
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Match { name }) => return matches(&cli.options.interface_regex, name.as_bytes()),
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

/// `autora match`: the exit status is the answer.
fn matches(pattern: &str, name: &[u8]) -> ExitCode {
    match Pattern::new(pattern) {
        Ok(pattern) => {
            // What is no name of an interface matches nothing.
            let matches = IfName::new(name).is_ok_and(|name| pattern.matches(&name));
            ExitCode::from(u8::from(!matches))
        }
        Err(reason) => {
            let line =
                format!("autora: --interface-regex (AUTORA_INTERFACE_REGEX) is {pattern:?}: {reason}\n");
            let _ = io::stderr().write_all(line.as_bytes());
            ExitCode::from(exit::CONFIG)
        }
    }
}
