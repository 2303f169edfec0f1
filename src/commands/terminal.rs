//! Standard output: colours and width of the terminal, and printing.

use std::env;
use std::io::{self, IsTerminal, Write};

use super::CommandError;

/// A colour; the value is the SGR parameter of ECMA-48.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Colour {
    Faint = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

impl Colour {
    /// `text` between the escape sequences for this colour.
    #[must_use]
    pub(super) fn paint(self, text: &str) -> String {
        format!("\x1b[{}m{text}\x1b[0m", self as u8)
    }
}

/// Whether to print colours: standard output is a capable terminal and
/// `NO_COLOR` is not set (no-color.org).
#[must_use]
pub(super) fn wants_colour() -> bool {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    io::stdout().is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb")
}

/// The terminal's width in columns; `None` if standard output is not a terminal.
#[must_use]
pub(super) fn width() -> Option<usize> {
    let (width, _) = terminal_size::terminal_size()?;
    io::stdout().is_terminal().then(|| width.0.into())
}

/// Prints `text`. A reader that closes the pipe early, as `head` does, is not an error.
///
/// # Errors
/// If it cannot be written.
pub fn print(text: &str) -> Result<(), CommandError> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(CommandError::os("cannot write to standard output")),
    }
}
