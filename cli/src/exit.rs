//! How a run ends: exit codes, and errors that a person can act on.

use std::fmt;
use std::process::ExitCode;

/// Exit codes. Documented in `keyradius scan --help`; never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Nothing at or above `--fail-on`.
    Nothing,
    /// Findings.
    Findings,
    /// Wrong usage or a fatal error.
    Failure,
    /// Nothing found, but not everything could be read.
    Incomplete,
    /// Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The number the shell sees.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Findings => 1,
            Self::Failure => 2,
            Self::Incomplete => 3,
            Self::Interrupted => 130,
        }
    }

    /// How a scan ends.
    pub(crate) const fn of_scan(outcome: Outcome, strict: bool, exit_zero: bool) -> Self {
        if outcome.interrupted {
            Self::Interrupted
        } else if outcome.failing && !exit_zero {
            Self::Findings
        } else if outcome.incomplete || (strict && outcome.unopened) {
            Self::Incomplete
        } else {
            Self::Nothing
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What decides how a scan ends.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts about a run")]
pub(crate) struct Outcome {
    /// A finding stands at or above `--fail-on`.
    pub(crate) failing: bool,
    /// Something could not be read.
    pub(crate) incomplete: bool,
    /// Files of a known format were not opened.
    pub(crate) unopened: bool,
    /// Ctrl-C.
    pub(crate) interrupted: bool,
}

/// A run that cannot go on. What, where and why in `message`; what next in `hint`.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// What, where, why.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// What next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The operating system's word without its number.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_lowercase(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_ends_with_the_code_that_says_most() {
        let nothing = Outcome::default();
        let failing = Outcome { failing: true, ..nothing };
        let gaps = Outcome { incomplete: true, ..nothing };
        let unopened = Outcome { unopened: true, ..nothing };
        let both = Outcome { failing: true, incomplete: true, ..nothing };
        let stopped = Outcome { interrupted: true, incomplete: true, failing: true, ..nothing };
        for (outcome, strict, exit_zero, code) in [
            (nothing, false, false, 0),
            (failing, false, false, 1),
            (both, false, false, 1),
            (gaps, false, false, 3),
            (unopened, false, false, 0),
            (unopened, true, false, 3),
            (failing, true, true, 0),
            (gaps, false, true, 3),
            (unopened, true, true, 3),
            (both, false, true, 3),
            (stopped, false, true, 130),
        ] {
            let exit = Exit::of_scan(outcome, strict, exit_zero);
            assert_eq!(exit.code(), code, "{outcome:?} strict {strict} exit_zero {exit_zero}");
        }
        assert_eq!(Exit::Failure.code(), 2);
    }

    #[test]
    fn errors_say_what_next() {
        let failure = Failure::new("cannot read a.toml: denied").hint("check its permissions");
        assert_eq!(failure.to_string(), "error: cannot read a.toml: denied\nhint: check its permissions");
    }
}
