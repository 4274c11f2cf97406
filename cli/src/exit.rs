//! Exit codes, and errors that a person can act on.

use std::fmt;
use std::process::ExitCode;

use crate::hush::hush;

/// Exit codes, as documented in `keyradius scan --help`. They never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// No finding at or above `--fail-on`.
    Nothing,
    /// Findings at or above `--fail-on`.
    Findings,
    /// Wrong usage or a fatal error.
    Failure,
    /// No such finding, but some input could not be read.
    Incomplete,
    /// The user pressed Ctrl-C.
    Interrupted,
}

impl Exit {
    /// The exit status of the process.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Findings => 1,
            Self::Failure => 2,
            Self::Incomplete => 3,
            Self::Interrupted => 130,
        }
    }

    /// The exit code of a scan.
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

/// The facts that decide the exit code of a scan.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts about a run")]
pub(crate) struct Outcome {
    /// There is a finding at or above `--fail-on`.
    pub(crate) failing: bool,
    /// Some input could not be read.
    pub(crate) incomplete: bool,
    /// Files of a recognised format were not opened.
    pub(crate) unopened: bool,
    /// The user pressed Ctrl-C.
    pub(crate) interrupted: bool,
}

/// A fatal error. `message` says what happened, where and why; `hint` says what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// An error with a message and no hint. Keys that the message quotes are left out.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: hush(&message.into()), hint: None }
    }

    /// Adds a hint: what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hush(&hint.into()));
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

/// The text of an error of the operating system, in lower case and without its number.
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
    fn the_exit_code_reports_the_most_important_outcome() {
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
    fn errors_end_with_their_hint() {
        let failure = Failure::new("cannot read a.toml: denied").hint("check its permissions");
        assert_eq!(failure.to_string(), "error: cannot read a.toml: denied\nhint: check its permissions");
    }
}
