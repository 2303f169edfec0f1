//! The settings that systemd passes to the instance of an interface.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::time::Duration;

use autora_core::interface_name::IfName;
use clap::builder::{FalseyValueParser, TypedValueParser};
use log::LevelFilter;
use thiserror::Error;

use super::durations::{self, Durations, InvalidDuration};
use super::files::{self, PATTERN, RefusedSettings, SettingsFile};
use super::{Config, DurationOption, InvalidConfig, SERVES_NOTHING, Settings, environment_file, seconds};

/// The variable with which an instance sends nothing.
pub(crate) const DRY_RUN: &str = "AUTORA_DRY_RUN";

/// The settings of one instance, checked as by the instance itself.
#[derive(Clone)]
pub(crate) struct InstanceSettings {
    pub(crate) config: Config,
    /// Where the pattern comes from: a file, or in words.
    pub(crate) origin: String,
    /// Whether the instance only logs its packets.
    pub(crate) dry_run: bool,
}

/// Why an instance would refuse its settings.
#[derive(Debug, Error)]
pub(crate) enum RefusedInstance {
    /// A file is refused.
    #[error(transparent)]
    File(#[from] RefusedSettings),
    /// A duration is malformed.
    #[error("{option} is {value:?}: {reason}")]
    Duration {
        option: DurationOption,
        value: String,
        reason: InvalidDuration,
    },
    /// The log level does not exist.
    #[error("--log-level (AUTORA_LOG) is {0:?}: it must be one of off, error, warn, info, debug, trace")]
    LogLevel(String),
    /// A value is out of its bounds, or the pattern is invalid.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
}

/// What an option or variable of this process sets; it takes precedence over the files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    /// The pattern; [`SERVES_NOTHING`], the default, if none is given.
    pub(crate) pattern: &'a str,
    pub(crate) durations: &'a [(DurationOption, Duration)],
}

impl<'a> Given<'a> {
    /// Only a pattern.
    pub(crate) fn pattern(pattern: &'a str) -> Self {
        Self {
            pattern,
            durations: &[],
        }
    }

    fn has(&self, variable: &str) -> bool {
        (variable == PATTERN && self.pattern != SERVES_NOTHING)
            || self
                .durations
                .iter()
                .any(|(option, _)| option.variable == variable)
    }
}

/// Why the instance of an interface would refuse its settings, in one line with file, line and variable.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    line: String,
    /// Whether this user cannot read a file, so that nothing is known.
    pub(crate) is_forbidden: bool,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl Refusal {
    fn of(error: &RefusedInstance, files: &[&SettingsFile]) -> Self {
        let is_forbidden = matches!(
            error,
            RefusedInstance::File(RefusedSettings::Unreadable { error, .. })
                if error.kind() == io::ErrorKind::PermissionDenied
        );
        Self {
            line: with_place(error, files),
            is_forbidden,
        }
    }
}

/// The settings for the interface `name`.
///
/// # Errors
/// If the instance would refuse a setting.
pub(crate) fn of(name: &IfName, given: Given) -> Result<InstanceSettings, Refusal> {
    ForAll::read(given).of(name)
}

/// What the file of all interfaces sets that its instances would refuse.
pub(crate) fn refused_for_all() -> Option<Refusal> {
    ForAll::read(Given::pattern(SERVES_NOTHING)).settings.err()
}

/// The file of all interfaces, read once for many of them.
pub(crate) struct ForAll<'a> {
    given: Given<'a>,
    file: Option<SettingsFile>,
    /// Of an interface without a file of its own.
    settings: Result<InstanceSettings, Refusal>,
}

impl<'a> ForAll<'a> {
    /// Reads it.
    pub(crate) fn read(given: Given<'a>) -> Self {
        match SettingsFile::read(files::ALL.as_ref()) {
            Ok(file) => Self {
                given,
                settings: of_files(&[&file], given),
                file: Some(file),
            },
            Err(error) => Self {
                given,
                settings: Err(Refusal::of(&error.into(), &[])),
                file: None,
            },
        }
    }

    /// The settings for the interface `name`.
    ///
    /// # Errors
    /// If the instance would refuse a setting.
    pub(crate) fn of(&self, name: &IfName) -> Result<InstanceSettings, Refusal> {
        let (Some(all), Some(own)) = (&self.file, files::own(name)) else {
            return self.settings.clone();
        };
        let own = SettingsFile::read(&own).map_err(|error| Refusal::of(&error.into(), &[]))?;
        if own.contents().is_empty() {
            return self.settings.clone();
        }
        of_files(&[all, &own], self.given)
    }
}

fn of_files(files: &[&SettingsFile], given: Given) -> Result<InstanceSettings, Refusal> {
    let values = values(Values::defaults(), files);
    let mut values = values.map_err(|error| Refusal::of(&error, files))?;
    if given.has(PATTERN) {
        "as given".clone_into(&mut values.origin);
        given.pattern.clone_into(&mut values.pattern);
    }
    for (option, value) in values.durations.by_option() {
        let found = given.durations.iter().find(|(given, _)| *given == option);
        *value = found.map_or(*value, |(_, given)| *given);
    }
    let config = values.config().map_err(|error| {
        let error = RefusedInstance::from(error);
        let by_files = !given.has(error.variable());
        Refusal::of(&error, if by_files { files } else { &[] })
    })?;
    Ok(InstanceSettings {
        config,
        origin: values.origin,
        dry_run: values.dry_run,
    })
}

/// The values so far; a later file overrides an earlier one.
#[derive(Clone, Debug)]
pub(super) struct Values {
    pub(super) pattern: String,
    origin: String,
    pub(super) durations: Durations,
    log_level: LevelFilter,
    dry_run: bool,
}

impl Values {
    pub(super) fn defaults() -> Self {
        Self {
            pattern: SERVES_NOTHING.to_owned(),
            origin: "the default".to_owned(),
            durations: Durations::defaults(),
            log_level: LevelFilter::Info,
            dry_run: false,
        }
    }

    /// The configuration that results.
    ///
    /// # Errors
    /// If a value is out of its bounds.
    pub(super) fn config(&self) -> Result<Config, InvalidConfig> {
        Config::try_from(&Settings {
            interface_regex: self.pattern.clone(),
            durations: self.durations,
        })
    }

    /// What changes for a process that runs with the values `old`, as
    /// `router-lifetime 180s → 600s`; `None` if nothing does. The pattern only
    /// says which interfaces are served.
    pub(super) fn difference(&self, old: &Self) -> Option<String> {
        let (mut before, mut after) = (old.durations, self.durations);
        let durations = before.by_option().into_iter().zip(after.by_option());
        let mut changes: Vec<_> = durations
            .filter(|((_, before), (_, after))| before != after)
            .map(|((option, before), (_, after))| {
                format!("{} {} → {}", option.option, seconds(*before), seconds(*after))
            })
            .collect();
        if self.log_level != old.log_level {
            changes.push(format!(
                "log-level {} → {}",
                lower(old.log_level),
                lower(self.log_level)
            ));
        }
        if self.dry_run != old.dry_run {
            changes.push(format!("dry-run {} → {}", old.dry_run, self.dry_run));
        }
        (!changes.is_empty()).then(|| changes.join(", "))
    }

    /// Applies the variables that the file `origin` sets.
    pub(super) fn take<E>(
        &mut self,
        origin: &str,
        lookup: impl Fn(&str) -> Result<Option<String>, E>,
    ) -> Result<(), RefusedInstance>
    where
        RefusedInstance: From<E>,
    {
        if let Some(pattern) = lookup(PATTERN)? {
            self.pattern = pattern;
            origin.clone_into(&mut self.origin);
        }
        for (option, duration) in self.durations.by_option() {
            if let Some(value) = lookup(option.variable)? {
                *duration = read_duration(option, value)?;
            }
        }
        if let Some(level) = lookup("AUTORA_LOG")? {
            let parsed = level.parse::<LevelFilter>();
            self.log_level = parsed.map_err(|_| RefusedInstance::LogLevel(level))?;
        }
        if let Some(value) = lookup(DRY_RUN)? {
            self.dry_run = is_truthy(&value);
        }
        Ok(())
    }
}

impl RefusedInstance {
    /// The variable whose value is refused.
    pub(super) fn variable(&self) -> &'static str {
        match self {
            Self::Duration { option, .. } | Self::Config(InvalidConfig::Bound { option, .. }) => {
                option.variable
            }
            Self::LogLevel(_) => "AUTORA_LOG",
            Self::File(_) | Self::Config(InvalidConfig::Pattern { .. }) => PATTERN,
        }
    }
}

pub(super) fn values(mut values: Values, files: &[&SettingsFile]) -> Result<Values, RefusedInstance> {
    for file in files {
        values.take(&file.path().display().to_string(), |variable| {
            file.lookup(variable)
        })?;
    }
    Ok(values)
}

/// The error behind the file and line of its variable: the last one that sets it.
pub(super) fn with_place(error: &RefusedInstance, files: &[&SettingsFile]) -> String {
    if let RefusedInstance::File(error) = error {
        return error.to_string();
    }
    let place = files.iter().rev().find_map(|file| {
        let line = environment_file::line_of(file.contents(), error.variable())?;
        Some(format!("{}:{line}: ", file.path().display()))
    });
    format!("{}{error}", place.unwrap_or_default())
}

/// Whether a variable that turns something on does so with this value.
pub(crate) fn is_truthy(value: &str) -> bool {
    let command = clap::Command::new("autora");
    let is_set = FalseyValueParser::new().parse_ref(&command, None, OsStr::new(value));
    is_set.unwrap_or(false)
}

fn lower(level: LevelFilter) -> String {
    level.as_str().to_ascii_lowercase()
}

fn read_duration(option: DurationOption, value: String) -> Result<Duration, RefusedInstance> {
    durations::parse(&value).map_err(|reason| RefusedInstance::Duration {
        option,
        value,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values_of(file: &[u8]) -> Result<Values, RefusedInstance> {
        let mut values = Values::defaults();
        values.take("file", |variable| {
            environment_file::lookup(file, variable).map_err(|reason| RefusedSettings::Ambiguous {
                path: "file".into(),
                reason,
            })
        })?;
        Ok(values)
    }

    #[test]
    fn the_variables_of_a_file_are_applied() {
        let file =
            b"AUTORA_INTERFACE_REGEX='^tap'\nAUTORA_INTERFACE=x\nAUTORA_ROUTER_LIFETIME=90s\nOTHER=1\n";
        let values = values_of(file).unwrap();
        assert_eq!((&values.pattern[..], &values.origin[..]), ("^tap", "file"));
        assert_eq!(values.durations.router_lifetime, Duration::from_secs(90));
        assert_eq!(values.durations.max_ra_interval, Duration::from_secs(60));
        assert!(!values_of(b"AUTORA_DRY_RUN=no\n").unwrap().dry_run);
        assert!(values_of(b"AUTORA_DRY_RUN=yes\n").unwrap().dry_run);
        assert!(values_of(b"# a\\\nAUTORA_LOG=info\n").is_err());
    }

    #[test]
    fn a_value_that_does_not_parse_is_reported_with_its_variable() {
        let refused = |file: &[u8]| values_of(file).err().unwrap().to_string();
        assert!(refused(b"AUTORA_LOG=loud\n").starts_with("--log-level (AUTORA_LOG) is \"loud\": "));
        assert_eq!(
            refused(b"AUTORA_MAX_RA_INTERVAL=20\n"),
            "--max-ra-interval (AUTORA_MAX_RA_INTERVAL) is \"20\": a duration is a number with its unit, \
             as in 20s, 1500ms, 3m, 2h, 1d or 1h30m"
        );
    }

    #[test]
    fn a_given_pattern_takes_precedence_over_the_files() {
        let name = IfName::new(b"no-such-one").unwrap();
        let settings = of(&name, Given::pattern("^no-such")).unwrap();
        assert_eq!(
            (settings.config.pattern.to_string(), &settings.origin[..]),
            ("^no-such".to_owned(), "as given")
        );
        assert!(of(&name, Given::pattern("([")).is_err_and(|refused| {
            let line = refused.to_string();
            line.starts_with("--interface-regex (AUTORA_INTERFACE_REGEX)") && !line.contains('\n')
        }));
    }

    #[test]
    fn what_is_given_takes_precedence_and_is_blamed_without_a_file() {
        let file = SettingsFile::of(
            "all",
            "AUTORA_INTERFACE_REGEX=^tap\nAUTORA_MAX_RA_INTERVAL=600s\n",
        );
        let with = |durations: &[_]| {
            let given = Given {
                pattern: SERVES_NOTHING,
                durations,
            };
            of_files(&[&file], given)
        };
        let refused = with(&[]).err().unwrap().to_string();
        assert!(
            refused.starts_with("--router-lifetime (AUTORA_ROUTER_LIFETIME) is 180s"),
            "the default is too short: {refused}"
        );
        let lifetime = |seconds| [(durations::ROUTER_LIFETIME, Duration::from_secs(seconds))];
        let config = with(&lifetime(900)).ok().unwrap().config;
        assert_eq!(config.ra.max_interval(), Duration::from_secs(600));
        let refused = with(&lifetime(99)).err().unwrap().to_string();
        assert!(refused.starts_with("--router-lifetime"), "{refused}");
        let file = SettingsFile::of("all", "\nAUTORA_MAX_RA_INTERVAL=2s\n");
        let refused = of_files(&[&file], Given::pattern("^tap"))
            .err()
            .unwrap()
            .to_string();
        assert!(refused.starts_with("all:2: --max-ra-interval"), "{refused}");
    }
}
