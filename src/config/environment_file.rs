//! Parses a file as systemd's `EnvironmentFile=` does.
//!
//! The udev rule asks `autora match` whether an interface is served, and the instance gets the same setting
//! from systemd. Both must get the same string, so this parser has the states of systemd's (`env-file.c`,
//! `env-util.c`) and the same special cases: the quoting of a shell, but no expansion; a carriage return ends
//! a line; a file that systemd refuses sets nothing.
//!
//! Versions differ only in a comment that ends in a backslash: up to systemd 253 it includes the next
//! line, since 254 it does not. If the value depends on that, the file is refused.

use thiserror::Error;

/// The value depends on the version of systemd.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "a comment ends in a backslash before {name}: systemd versions differ on the next line; remove the backslash"
)]
pub struct Ambiguous {
    name: String,
}

/// The value that `name` has for a service with this `EnvironmentFile=`, or `None` if it is not set.
///
/// # Errors
/// [`Ambiguous`] if the value depends on the version of systemd.
pub fn lookup(contents: &[u8], name: &str) -> Result<Option<String>, Ambiguous> {
    let value = last_assignment(contents, name, CommentEscape::EndsWithLine);
    if value == last_assignment(contents, name, CommentEscape::TakesNextLine) {
        Ok(value)
    } else {
        Err(Ambiguous {
            name: name.to_owned(),
        })
    }
}

fn last_assignment(contents: &[u8], name: &str, comment_escape: CommentEscape) -> Option<String> {
    // systemd refuses a file that contains a NUL.
    if contents.contains(&0) {
        return None;
    }
    let mut found = None;
    for Assignment { key, value, .. } in assignments(contents, comment_escape) {
        // systemd refuses the whole file if one assignment is not UTF-8.
        let key = text(key)?;
        let value = text(value)?;
        if key == name {
            found = Some(value);
        }
    }
    found
}

/// The line of the assignment to `name` that counts.
pub(crate) fn line_of(contents: &[u8], name: &str) -> Option<usize> {
    let all = assignments(contents, CommentEscape::EndsWithLine);
    let last = all.iter().rfind(|found| found.key == name.as_bytes())?;
    Some(last.line)
}

/// Whether systemd ignores the whole file.
pub(crate) fn is_ignored(contents: &[u8]) -> bool {
    let is_bad = |found: Assignment| text(found.key).is_none() || text(found.value).is_none();
    contents.contains(&0)
        || assignments(contents, CommentEscape::EndsWithLine)
            .into_iter()
            .any(is_bad)
}

/// What a shell would read differently, each with its line.
pub(crate) fn warnings(contents: &[u8]) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    if contents.starts_with("\u{feff}".as_bytes()) {
        found.push((1, "a byte order mark is a part of the first name: remove it"));
    }
    for assignment in assignments(contents, CommentEscape::EndsWithLine) {
        if assignment.key.starts_with(b"export ") {
            found.push((
                assignment.line,
                "systemd ignores a line with export: remove that word",
            ));
        }
        if assignment.has_text_behind_quote {
            let what = "the text behind the closing quote belongs to the value: a comment needs its own line";
            found.push((assignment.line, what));
        }
        if assignment.last_line > assignment.line {
            found.push((
                assignment.line,
                "the value goes on in the next line: is a quote not closed?",
            ));
        }
    }
    found
}

/// UTF-8 as systemd accepts it: without Unicode noncharacters.
fn text(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    let noncharacter = |c: char| {
        let c = u32::from(c);
        (0xFDD0..=0xFDEF).contains(&c) || c & 0xFFFE == 0xFFFE
    };
    (!text.chars().any(noncharacter)).then_some(text)
}

/// What a backslash at the end of a comment does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CommentEscape {
    /// The next line belongs to the comment: systemd up to 253.
    TakesNextLine,
    /// Nothing: systemd since 254.
    EndsWithLine,
}

/// The parser's state, with the names that systemd uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    PreKey,
    Key,
    PreValue,
    Value,
    ValueEscape,
    SingleQuote,
    DoubleQuote,
    DoubleQuoteEscape,
    Comment,
    CommentEscape,
}

/// An assignment in a file.
#[derive(Clone, Default)]
struct Assignment {
    key: Vec<u8>,
    value: Vec<u8>,
    /// The length of the value without trailing white space, unless that is escaped or quoted.
    kept: usize,
    /// The line of the name.
    line: usize,
    /// The line of the value's end.
    last_line: usize,
    is_quoted: bool,
    /// Whether something that is not quoted follows a closing quote.
    has_text_behind_quote: bool,
}

impl Assignment {
    /// What it is if it ends in this line.
    fn finished(&self, last_line: usize) -> Self {
        Self {
            key: self.key.trim_ascii_end().to_vec(),
            value: self.value.get(..self.kept).unwrap_or(&self.value).to_vec(),
            last_line,
            ..*self
        }
    }
}

fn assignments(contents: &[u8], comment_escape: CommentEscape) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut state = State::PreKey;
    let mut open = Assignment::default();
    let mut line = 1;
    for &c in contents {
        let newline = matches!(c, b'\n' | b'\r');
        let blank = newline || matches!(c, b' ' | b'\t');
        state = match state {
            State::PreKey if matches!(c, b'#' | b';') => State::Comment,
            State::PreKey if blank => State::PreKey,
            State::PreKey => {
                open = Assignment {
                    key: vec![c],
                    line,
                    ..Assignment::default()
                };
                State::Key
            }
            State::Key if newline => State::PreKey,
            State::Key if c == b'=' => State::PreValue,
            State::Key => {
                open.key.push(c);
                State::Key
            }
            State::PreValue | State::Value if newline => {
                found.push(open.finished(line));
                State::PreKey
            }
            State::PreValue if c == b'\'' => State::SingleQuote,
            State::PreValue if c == b'"' => State::DoubleQuote,
            State::PreValue | State::Value if c == b'\\' => {
                open.kept = open.value.len();
                State::ValueEscape
            }
            State::PreValue if blank => State::PreValue,
            State::PreValue | State::Value => {
                open.has_text_behind_quote |= open.is_quoted;
                open.value.push(c);
                if !blank {
                    open.kept = open.value.len();
                }
                State::Value
            }
            State::ValueEscape => {
                if !newline {
                    open.value.push(c);
                    open.kept = open.value.len();
                }
                State::Value
            }
            State::SingleQuote if c == b'\'' => {
                open.is_quoted = true;
                State::PreValue
            }
            State::DoubleQuote if c == b'"' => {
                open.is_quoted = true;
                State::PreValue
            }
            State::DoubleQuote if c == b'\\' => State::DoubleQuoteEscape,
            State::SingleQuote | State::DoubleQuote => {
                open.value.push(c);
                open.kept = open.value.len();
                state
            }
            State::DoubleQuoteEscape => {
                if !matches!(c, b'"' | b'\\' | b'`' | b'$' | b'\n') {
                    open.value.push(b'\\');
                }
                if c != b'\n' {
                    open.value.push(c);
                }
                open.kept = open.value.len();
                State::DoubleQuote
            }
            State::Comment if c == b'\\' => State::CommentEscape,
            State::Comment if newline => State::PreKey,
            State::CommentEscape if newline && comment_escape == CommentEscape::EndsWithLine => State::PreKey,
            State::Comment | State::CommentEscape => State::Comment,
        };
        line += usize::from(c == b'\n');
    }
    // The end of the file also ends the last line and an open quote.
    if !matches!(
        state,
        State::PreKey | State::Key | State::Comment | State::CommentEscape
    ) {
        found.push(open.finished(line));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(contents: &str) -> Option<String> {
        lookup(contents.as_bytes(), "P").unwrap()
    }

    /// Each row was also given to systemd 252 and 257.
    #[test]
    fn values_are_those_of_systemd() {
        for (contents, expected) in [
            ("P=^tap$", Some("^tap$")),
            ("P=^tap$\n", Some("^tap$")),
            ("P=^tap$\r\nQ=1\r\n", Some("^tap$")),
            ("  P \t=  ^tap$ \t \n", Some("^tap$")),
            ("P=", Some("")),
            ("P=a\nP=b\n", Some("b")),
            ("Q=a\n", None),
            ("", None),
            ("P\n=b\n", None),
            ("export P=a\n", None),
            // Quotes
            ("P='^tap-[0-9]+$'\n", Some("^tap-[0-9]+$")),
            ("P=\"^tap-[0-9]+$\"\n", Some("^tap-[0-9]+$")),
            (r"P='tap\d'", Some(r"tap\d")),
            (r#"P="tap\d""#, Some(r"tap\d")),
            (r"P=tap\d", Some("tapd")),
            (r"P=tap\\d", Some(r"tap\d")),
            (r#"P="tap\\d""#, Some(r"tap\d")),
            (r"P='tap\\d'", Some(r"tap\\d")),
            (r#"P="^tap\$""#, Some("^tap$")),
            (r#"P="a\"b\`c""#, Some("a\"b`c")),
            ("P='a'\"b\"c", Some("abc")),
            ("P='a'  'b'  c ", Some("abc")),
            ("P=a'b'", Some("a'b'")),
            ("P=a\"b", Some("a\"b")),
            ("P='a ' \n", Some("a ")),
            ("P='open\nQ=1\n", Some("open\nQ=1\n")),
            ("P=\"open", Some("open")),
            // Blanks
            ("P=a b\n", Some("a b")),
            ("P=a\\ \n", Some("a ")),
            ("P=\\ a\n", Some(" a")),
            // Nothing is expanded.
            ("Q=1\nP=$Q${Q}%i", Some("$Q${Q}%i")),
            // Comments
            ("# P=a\n; P=b\n", None),
            ("P=a # b\n", Some("a # b")),
            ("P='a' # b\n", Some("a# b")),
            ("  # x\nP=a", Some("a")),
            (r"# a \d comment", None),
            // Continued lines
            ("P=a\\\nb\n", Some("ab")),
            ("P=\"a\\\nb\"\n", Some("ab")),
            ("P='a\\\nb'\n", Some("a\\\nb")),
            ("P=a\\\r\nb\n", Some("a")),
            ("P=a\\", Some("a")),
            // Control characters are kept. A NUL or invalid UTF-8 makes the whole file invalid.
            ("P=a\u{1}b\n", Some("a\u{1}b")),
            ("P=good\nP='a\rb'\n", Some("a\rb")),
            ("P=a\tb\n", Some("a\tb")),
            ("P=\u{e9}\n", Some("\u{e9}")),
            ("P=a\nQ=\u{fffe}\n", None),
            ("P=a\n\u{0}\n", None),
        ] {
            assert_eq!(pattern(contents).as_deref(), expected, "{contents:?}");
        }
    }

    #[test]
    fn what_a_shell_reads_differently_is_found_with_its_line() {
        let lines = |contents: &str| -> Vec<usize> {
            let found = warnings(contents.as_bytes());
            found.into_iter().map(|(line, _)| line).collect()
        };
        assert_eq!(lines("# a\n\nP='a'\nQ=\"a\"'b'\nR=a # b\n"), [0; 0]);
        assert_eq!(lines("\u{feff}P=a\n"), [1]);
        assert_eq!(lines("Q=1\nexport P=a\n"), [2]);
        assert_eq!(lines("# a\nP='a' # b\nQ=1\n"), [2]);
        assert_eq!(lines("Q=1\nP='a\nR=2\n"), [2]);
        assert_eq!(line_of(b"P=a\n#\nP=b\nQ=1\n", "P"), Some(3));
        assert_eq!(line_of(b"# a\n", "P"), None);
        assert!(is_ignored(b"P=\xff\n") && is_ignored(b"P=a\n\0") && !is_ignored(b"# \xff\nP=a\n"));
    }

    #[test]
    fn a_byte_that_is_not_utf8_invalidates_the_file_except_in_a_comment() {
        assert_eq!(lookup(b"P=a\nQ=\xff\n", "P"), Ok(None));
        assert_eq!(lookup(b"# \xff\nP=a\n", "P"), Ok(Some("a".to_owned())));
    }

    #[test]
    fn a_comment_that_may_take_the_next_line_is_refused() {
        let error = lookup(b"# old:\\\nP=a\n", "P").unwrap_err();
        assert_eq!(error, Ambiguous { name: "P".to_owned() });
        // Here the value does not depend on it.
        assert_eq!(pattern("# old:\\\n\nP=a\n").as_deref(), Some("a"));
        assert_eq!(pattern("# old:\\\r\nP=a\n").as_deref(), Some("a"));
        assert_eq!(pattern("# a\\b\nP=a\n").as_deref(), Some("a"));
    }
}
