//! The result of one check.

/// A requirement and whether it is met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    /// Whether it is met.
    pub mark: Mark,
    /// The requirement in one to three words.
    pub requirement: &'static str,
    /// What was found, without a full stop.
    pub found: String,
    /// A command that fixes it. The operator replaces words in capitals.
    pub fix: Option<String>,
}

/// Whether a requirement is met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// It is met.
    Met,
    /// It is not met: the guest gets no advertisement.
    Missed,
    /// The guest gets advertisements, but its IPv6 does not work otherwise, or may not.
    Warning,
    /// Unknown: a privilege, a tool or a requirement before it is missing.
    Unknown,
}

impl Finding {
    /// A finding with [`Mark::Met`].
    pub(super) fn met(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Met, requirement, found)
    }

    /// A finding with [`Mark::Missed`].
    pub(super) fn missed(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Missed, requirement, found)
    }

    /// A finding with [`Mark::Warning`].
    pub(super) fn warning(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Warning, requirement, found)
    }

    /// A finding with [`Mark::Unknown`].
    pub(super) fn unknown(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Unknown, requirement, found)
    }

    fn new(mark: Mark, requirement: &'static str, found: impl Into<String>) -> Self {
        Self {
            mark,
            requirement,
            found: found.into(),
            fix: None,
        }
    }

    /// Adds the command that fixes it.
    #[must_use]
    pub(super) fn fixed_by(self, command: impl Into<String>) -> Self {
        Self {
            fix: Some(command.into()),
            ..self
        }
    }
}

/// Whether the guest gets advertisements according to `findings`.
#[must_use]
pub(super) fn all_met(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.mark != Mark::Missed)
}
