//! Text from others, as it may be shown.

use core::fmt;

/// A text in which nothing moves the cursor, hides or turns around what stands
/// beside it: control characters (C1 included), line and paragraph separators and
/// bidirectional controls are shown as escapes.
#[derive(Clone, Copy, Debug)]
pub struct Visible<'a>(pub &'a str);

impl fmt::Display for Visible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() || is_directing(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// Unicode's `Bidi_Control`, and its separators.
fn is_directing(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_directs_a_terminal_is_escaped() {
        for (text, shown) in [
            ("tap-vm-1 é 中", "tap-vm-1 é 中"),
            ("\x1b[2J\r\n\t", r"\u{1b}[2J\r\n\t"),
            ("\u{9b}31m\u{7f}", r"\u{9b}31m\u{7f}"),
            (
                "a\u{202e}b\u{2066}c\u{200f}d\u{61c}",
                r"a\u{202e}b\u{2066}c\u{200f}d\u{61c}",
            ),
            ("one\u{2028}two\u{2029}", r"one\u{2028}two\u{2029}"),
        ] {
            assert_eq!(Visible(text).to_string(), shown);
        }
    }
}
