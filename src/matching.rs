//! `autora match`: whether an interface of a name is to be served, for udev's rule and the switch.

use std::path::PathBuf;
use std::process::ExitCode;

use log::LevelFilter;

use crate::cli::SERVES_NOTHING;
use crate::exit::{self, Failure};
use crate::ifname::IfName;
use crate::logging;
use crate::settings_files::PatternSource;

/// The exit status is the answer: 0 if `name` matches, 1 if not. With `files`
/// the pattern is the one that an instance gets from systemd, who reads them;
/// else it is that of the options.
///
/// # Errors
/// When the pattern is none.
pub fn run(files: &[PathBuf], option: &str, name: &[u8]) -> Result<ExitCode, Failure> {
    logging::init(LevelFilter::Error, None);
    let source = if files.is_empty() {
        Ok(Some(PatternSource::given(option)))
    } else {
        PatternSource::in_files(files)
    };
    let pattern = source
        .and_then(|source| {
            source
                .unwrap_or_else(|| PatternSource::given(SERVES_NOTHING))
                .compile()
        })
        .map_err(|what| Failure::new(exit::CONFIG, what))?;
    // What is no name of an interface matches nothing.
    let matches = IfName::new(name).is_ok_and(|name| pattern.matches(&name));
    Ok(ExitCode::from(if matches { exit::OK } else { exit::NO }))
}
