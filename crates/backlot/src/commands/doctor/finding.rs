//! What is found.

use std::time::Duration;

use backlot_engine::Hint;

/// How long a program that is asked for its version may take.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is there.
    Good,
    /// Something will not work, but not what everybody needs.
    Warning,
    /// Nothing will work.
    Bad,
}

#[derive(Debug)]
pub(super) struct Finding {
    pub(super) what: &'static str,
    pub(super) verdict: Verdict,
    pub(super) found: String,
    pub(super) mend: Option<Hint>,
}

impl Finding {
    pub(super) fn good(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, verdict: Verdict::Good, found: found.into(), mend: None }
    }

    pub(super) fn warning(what: &'static str, found: impl Into<String>, mend: impl Into<Hint>) -> Self {
        Self { what, verdict: Verdict::Warning, found: found.into(), mend: Some(mend.into()) }
    }

    pub(super) fn bad(what: &'static str, found: impl Into<String>, mend: impl Into<Hint>) -> Self {
        Self { what, verdict: Verdict::Bad, found: found.into(), mend: Some(mend.into()) }
    }
}
