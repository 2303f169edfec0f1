//! Formats the findings as text.

use std::env;
use std::fmt::Write as _;

use super::finding::{Finding, Mark};
use crate::commands::terminal::{Colour, wants_colour};

/// The findings on one interface, or on the host.
pub(super) struct Report {
    /// What they are about, and the conclusion.
    pub title: String,
    pub findings: Vec<Finding>,
}

/// The style of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    /// Marks in Unicode instead of ASCII.
    pub unicode: bool,
    /// Colours for the marks.
    pub colour: bool,
    /// Also the requirements that are met.
    pub all: bool,
}

impl Style {
    /// The style for the environment's locale (locale(7)) and terminal.
    #[must_use]
    pub(super) fn of_environment(all: bool) -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Self {
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            colour: wants_colour(),
            all,
        }
    }

    fn mark(self, mark: Mark) -> String {
        let (unicode, ascii, colour) = match mark {
            Mark::Met => ("✓", "+", Colour::Green),
            Mark::Missed => ("✗", "x", Colour::Red),
            Mark::Warning => ("!", "!", Colour::Yellow),
            Mark::Unknown => ("-", "-", Colour::Faint),
        };
        let sign = if self.unicode { unicode } else { ascii };
        if self.colour {
            colour.paint(sign)
        } else {
            sign.to_owned()
        }
    }
}

/// The text of all reports.
#[must_use]
pub(super) fn render(reports: &[Report], style: Style) -> String {
    let mut text = String::new();
    let findings = || reports.iter().flat_map(|report| &report.findings);
    let width = findings()
        .map(|finding| finding.requirement.len())
        .max()
        .unwrap_or(0);
    for report in reports {
        let _ = writeln!(text, "{}", report.title);
        for finding in &report.findings {
            if finding.mark == Mark::Met && !style.all {
                continue;
            }
            let mark = style.mark(finding.mark);
            let _ = writeln!(text, "  {mark} {:width$}  {}", finding.requirement, finding.found);
            if let Some(command) = &finding.fix {
                let _ = writeln!(text, "    {:width$}  # {command}", "");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style {
        unicode: false,
        colour: false,
        all: true,
    };

    fn report() -> [Report; 1] {
        [Report {
            title: "tap-vm-1: would not advertise".to_owned(),
            findings: vec![
                Finding::met("up", "it is up"),
                Finding::missed("forwarding", "0").fixed_by("sysctl -w x=1"),
            ],
        }]
    }

    #[test]
    fn lines_are_aligned_and_the_command_has_its_own_line() {
        let expected = "tap-vm-1: would not advertise\n  \
                          + up          it is up\n  \
                          x forwarding  0\n                \
                            # sysctl -w x=1\n";
        assert_eq!(render(&report(), PLAIN), expected);
    }

    #[test]
    fn colours_and_signs_only_where_wanted() {
        let style = Style {
            unicode: true,
            colour: true,
            all: false,
        };
        let text = render(&report(), style);
        assert!(text.contains("\x1b[31m✗\x1b[0m forwarding"), "{text}");
        assert!(!text.contains("it is up"), "{text}");
        assert!(render(&report(), PLAIN).is_ascii());
    }
}
