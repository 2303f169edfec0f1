//! The settings that the instance of an interface gets from systemd.

use std::ffi::OsStr;

use clap::builder::{FalseyValueParser, TypedValueParser};
use clap::{CommandFactory, FromArgMatches};

use crate::cli::{Cli, SERVES_NOTHING};
use crate::config::Config;
use crate::ifname::IfName;
use crate::settings_files::{self, SettingsFile};

/// Changes those of all instances.
pub const EDIT: &str = "editor /etc/default/autora && systemctl reload autora";
const PATTERN: &str = "--interface-regex=";

/// What one instance is told.
pub struct Settings {
    /// Checked as it checks them.
    pub config: Config,
    /// Where the pattern was found.
    pub origin: String,
    /// Whether it only says what it would send.
    pub dry_run: bool,
}

/// The settings for the interface `name`. A pattern that was `given` as an
/// option or a variable counts instead of the files'.
///
/// # Errors
/// The line with which the instance would refuse them.
pub fn of(name: &IfName, given: &str) -> Result<Settings, String> {
    let mut origin = "the default".to_owned();
    let mut arguments = Vec::new();
    let all = settings_files::ALL.into();
    for path in [Some(all), settings_files::own(name)].into_iter().flatten() {
        let file = SettingsFile::read(&path);
        let found = options_in(|variable| file.lookup(variable))?;
        if found.iter().any(|option| option.starts_with(PATTERN)) {
            origin = path.display().to_string();
        }
        arguments.extend(found);
    }
    // The default is nothing that anybody has to give.
    if given != SERVES_NOTHING {
        "as given".clone_into(&mut origin);
        arguments.push(format!("{PATTERN}{given}"));
    }
    arguments.insert(0, "autora".to_owned());
    let cli = Cli::command()
        .args_override_self(true)
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| first_line(&error.to_string()))?;
    let config = Config::try_from(&cli.options.settings()).map_err(|error| error.to_string())?;
    Ok(Settings {
        config,
        origin,
        dry_run: cli.options.dry_run,
    })
}

/// The variables of a file as the options that they stand for; the last one
/// of a kind wins, as with the files.
fn options_in<E>(lookup: impl Fn(&str) -> Result<Option<String>, E>) -> Result<Vec<String>, E> {
    let command = Cli::command();
    let mut options = Vec::new();
    for argument in command.get_arguments() {
        let variable = argument.get_env().and_then(OsStr::to_str);
        let (Some(variable), Some(option)) = (variable, argument.get_long()) else {
            continue;
        };
        let Some(value) = lookup(variable)? else {
            continue;
        };
        match option {
            // The unit names it.
            "interface" => {}
            "dry-run" => {
                let is_set = FalseyValueParser::new().parse_ref(&command, None, OsStr::new(&value));
                options.extend(is_set.is_ok_and(|set| set).then(|| "--dry-run".to_owned()));
            }
            _ => options.push(format!("--{option}={value}")),
        }
    }
    Ok(options)
}

fn first_line(error: &str) -> String {
    let line = error.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment_file::{Ambiguous, lookup};

    fn options_of(file: &[u8]) -> Result<Vec<String>, Ambiguous> {
        options_in(|variable| lookup(file, variable))
    }

    #[test]
    fn a_file_becomes_the_options_that_its_variables_stand_for() {
        let file =
            b"AUTORA_INTERFACE_REGEX='^tap'\nAUTORA_INTERFACE=x\nAUTORA_ROUTER_LIFETIME=90s\nOTHER=1\n";
        let options = options_of(file).unwrap();
        assert_eq!(options, ["--interface-regex=^tap", "--router-lifetime=90s"]);
        assert_eq!(options_of(b"AUTORA_DRY_RUN=no\n").unwrap(), [""; 0]);
        assert_eq!(options_of(b"AUTORA_DRY_RUN=yes\n").unwrap(), ["--dry-run"]);
        assert!(options_of(b"# a\\\nAUTORA_LOG=info\n").is_err());
    }

    #[test]
    fn what_is_given_counts_instead_of_the_files() {
        let name = IfName::new(b"no-such-one").unwrap();
        let settings = of(&name, "^no-such").unwrap();
        assert_eq!(
            (settings.config.pattern.to_string(), &settings.origin[..]),
            ("^no-such".to_owned(), "as given")
        );
        assert!(
            of(&name, "([")
                .is_err_and(|line| line.contains("AUTORA_INTERFACE_REGEX") && !line.contains('\n'))
        );
    }
}
