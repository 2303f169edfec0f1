//! What a check found: one line of the answer.

/// One requirement, and how it stands with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    /// How it stands.
    pub mark: Mark,
    /// A word or two for what is required.
    pub requirement: &'static str,
    /// What was found.
    pub found: String,
    /// A command that fixes it. Words in capitals are the operator's to fill in.
    pub fix: Option<String>,
}

/// How it stands with a requirement.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// It is met.
    Met,
    /// It is not: the guest gets no advertisement.
    Missed,
    /// The guest gets its advertisement, and something else is in its way, or may be.
    Warning,
    /// It cannot be known: a privilege, a tool or something above is missing.
    Unknown,
}

impl Finding {
    /// A tick.
    pub(super) fn met(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Met, requirement, found)
    }

    /// A cross.
    pub(super) fn missed(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Missed, requirement, found)
    }

    /// A warning.
    pub(super) fn warning(requirement: &'static str, found: impl Into<String>) -> Self {
        Self::new(Mark::Warning, requirement, found)
    }

    /// Not to be known.
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

    /// The same with the command that fixes it.
    #[must_use]
    pub(super) fn fixed_by(self, command: impl Into<String>) -> Self {
        Self {
            fix: Some(command.into()),
            ..self
        }
    }
}

/// Whether nothing among `findings` keeps the guest from its advertisement.
#[must_use]
pub(super) fn all_met(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.mark != Mark::Missed)
}
