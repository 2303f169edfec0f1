//! The manual pages and the completions are made of the definitions that `--help` is made of, so that they
//! cannot say something else; Debian's copyright file of the crates and their licences. This compares the files with what
//! they would be now;
//!
//! ```sh
//! AUTORA_GENERATE=1 cargo test --test generated
//! ```
//!
//! writes them. What no definition holds stands in `contrib/manual/*.in` and `debian/copyright.in`.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod completions;
mod copyright;
mod judges;
mod manual;
mod reasons;

use std::fs;
use std::path::{Path, PathBuf};

use autora::cli::Cli;
use clap::{Command, CommandFactory};

/// With the arguments of all commands.
fn command() -> Command {
    let mut command = Cli::command();
    command.build();
    command
}

fn contrib(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(contrib(file)).unwrap_or_default()
}

#[test]
fn what_is_generated_is_current() {
    let generated = [
        ("autora.8", manual::page(&read("manual/autora.8.in"))),
        ("autora.5", manual::page(&read("manual/autora.5.in"))),
        ("completions/autora", completions::bash()),
        ("completions/_autora", completions::zsh()),
        ("completions/autora.fish", completions::fish()),
        (
            "../debian/copyright",
            copyright::file(&read("../debian/copyright.in")),
        ),
    ];
    if std::env::var_os("AUTORA_GENERATE").is_some() {
        for (file, text) in &generated {
            // In one step, since the judges read them meanwhile.
            let new = contrib(&format!("{file}.new"));
            fs::write(&new, text).unwrap();
            fs::rename(new, contrib(file)).unwrap();
        }
    }
    let stale: Vec<_> = generated
        .iter()
        .filter(|(file, text)| read(file) != *text)
        .map(|(file, _)| format!("contrib/{file}"))
        .collect();
    assert!(
        stale.is_empty(),
        "{} would be another now: AUTORA_GENERATE=1 cargo test --test generated",
        stale.join(", ")
    );
}

/// docs/operations.md has a row for each option, and `debian/autora.default` a line for each setting, with the default.
#[test]
fn the_defaults_are_the_same_everywhere() {
    let page = read("../docs/operations.md");
    let settings = read("../debian/autora.default");
    for arg in command().get_arguments().filter(|arg| arg.get_env().is_some()) {
        let long = arg.get_long().unwrap();
        let variable = arg.get_env().unwrap().to_str().unwrap();
        let default = match arg.get_default_values() {
            [value] if arg.get_action().takes_values() => value.to_str().unwrap(),
            _ => "",
        };
        let row = page.lines().find(|line| {
            let start = line.strip_prefix(&format!("| `--{long}"));
            start.is_some_and(|rest| rest.starts_with([' ', '`']))
        });
        assert!(
            row.is_some_and(|row| row.contains(default)),
            "docs/operations.md: --{long} {default}"
        );
        // The unit names the interface.
        let set = variable == "AUTORA_INTERFACE"
            || [format!("{variable}={default}"), format!("{variable}='{default}'")]
                .iter()
                .any(|line| settings.lines().any(|l| l.trim_start_matches('#') == line))
            || default.is_empty() && settings.contains(&format!("#{variable}="));
        assert!(set, "debian/autora.default: {variable}={default}");
    }
}

/// A reader of autora(5) finds every variable.
#[test]
fn the_reference_of_the_settings_is_whole() {
    let source = read("manual/autora.5.in");
    for variable in command().get_arguments().filter_map(clap::Arg::get_env) {
        let line = format!("@VARIABLE {}@", variable.to_str().unwrap());
        assert_eq!(source.matches(&line).count(), 1, "{line}");
    }
}
