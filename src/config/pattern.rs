//! The pattern of the names of interfaces to serve.

use std::fmt;

use autora_core::interface_name::IfName;
use regex::bytes::{Regex, RegexBuilder};
use thiserror::Error;

/// The largest compiled pattern in bytes. Sensible patterns are far smaller, and
/// every instance has its own copy.
const SIZE_LIMIT: usize = 1 << 20;

/// A regular expression (syntax of the `regex` crate). It matches anywhere in
/// the name unless it has anchors. It matches bytes, and `\d`, `\w` and `(?i)`
/// are ASCII only.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// Why a pattern is refused.
#[derive(Debug, Error)]
pub enum InvalidPattern {
    /// It would match every interface, uplinks included.
    #[error("it is empty, which would match every interface; the default '^$' serves none, '.*' all")]
    Empty,
    /// It does not parse, or is too large when compiled.
    #[error("{0}")]
    Syntax(String),
}

impl Pattern {
    /// Compiles `source`.
    ///
    /// # Errors
    /// If it is empty, malformed or too large.
    pub fn new(source: &str) -> Result<Self, InvalidPattern> {
        if source.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        RegexBuilder::new(source)
            .unicode(false)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(SIZE_LIMIT)
            .build()
            .map(Self)
            .map_err(|error| InvalidPattern::Syntax(one_line(&error)))
    }

    /// Whether the interface with this name is to be served.
    #[must_use]
    pub fn matches(&self, name: &IfName) -> bool {
        self.0.is_match(name.as_bytes())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

/// The last line of the error; the lines before show the place in the pattern.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &[u8]) -> bool {
        Pattern::new(pattern)
            .unwrap()
            .matches(&IfName::new(name).unwrap())
    }

    #[test]
    fn a_pattern_without_anchors_matches_anywhere() {
        assert!(matches("^tap-vm-[0-9]+$", b"tap-vm-12"));
        assert!(!matches("^tap-vm-[0-9]+$", b"xtap-vm-12"));
        assert!(matches("vm", b"tap-vm-12"));
        assert!(!matches("^$", b"tap-vm-12"));
        assert!(matches(r"(?i)^TAP\d$", b"tap1"));
        assert!(matches("^a.$", b"a\xff"));
    }

    #[test]
    fn a_bad_pattern_is_explained_in_one_line() {
        for bad in ["", "(", "a{99999}{99999}", "[", r"\p{Greek}", "(?=x)"] {
            let message = Pattern::new(bad).unwrap_err().to_string();
            assert!(!message.is_empty() && !message.contains('\n'), "{bad}: {message}");
        }
    }
}
