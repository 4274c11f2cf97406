//! Values of options: the format of a report, and what makes a scan fail.

use clap::ValueEnum;
use keyradius_judgement::{Finding, SecretFinding, Tier};

use crate::units;

/// The kind that a scan is restricted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Keys, certificates and keystores
    Signing,
}

impl Only {
    /// The value of the flag.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Signing => "signing",
        }
    }
}

/// How keys for tests are shown to a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tests {
    /// Like other keys, in a section of their own
    Show,
    /// One line for each directory
    #[default]
    Fold,
    /// Only their number
    Hide,
}

/// Whether keys for tests make a scan fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestsFail {
    /// Like other keys, with the severity that they have without the limit for tests
    #[default]
    Always,
    /// Only with --fail-on any
    Never,
}

impl TestsFail {
    /// The value of the flag.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// Which findings are folded to one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// Keys of the same roles in one file
    File,
    /// Keys of the same roles in one directory
    #[default]
    Dir,
    /// None
    None,
}

/// Findings below this severity (in tenths) are notes: reported, but failing a scan only under a severity `--fail-on`.
pub(crate) const NOTE_BELOW: i32 = keyradius_judgement::rank::NOTE;

/// What makes a scan fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FailOn {
    /// Nothing.
    None,
    /// Every finding that is not a note.
    #[default]
    Any,
    /// Every key that signs.
    Signing,
    /// Every key of this tier or a wider one.
    Tier(Tier),
    /// Every finding of this severity (in tenths) or more.
    Severity(i32),
}

impl FailOn {
    /// Parses the value of `--fail-on`, in any case of letters.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "none" => Self::None,
            "any" => Self::Any,
            "signing" => Self::Signing,
            "t0" => Self::Tier(Tier::T0),
            "t1" => Self::Tier(Tier::T1),
            "t2" => Self::Tier(Tier::T2),
            "t3" => Self::Tier(Tier::T3),
            "t4" => Self::Tier(Tier::T4),
            number => severity(number)
                .map(Self::Severity)
                .map_err(|_| "expected any, signing, none, T0 to T4, or a severity from 0.0 to 10.0")?,
        })
    }

    /// The choice as [`Self::parse`] reads it.
    pub(crate) fn text(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Any => "any".to_owned(),
            Self::Signing => "signing".to_owned(),
            Self::Tier(tier) => tier.id().to_owned(),
            Self::Severity(tenths) => format!("{}.{}", tenths / 10, tenths % 10),
        }
    }

    /// Like [`Self::fails`], with a choice for keys for tests.
    pub(crate) fn fails_with(self, finding: &Finding, tests: TestsFail) -> bool {
        let exempt = tests == TestsFail::Never && finding.for_tests.is_some() && self != Self::Any;
        !exempt && self.fails(finding)
    }

    /// Whether a finding makes the scan fail.
    pub(crate) fn fails(self, finding: &Finding) -> bool {
        let note = finding.severity < NOTE_BELOW;
        match self {
            Self::None => false,
            Self::Any => !note,
            Self::Signing => !note && finding.signing && finding.tier < Tier::T4,
            Self::Tier(tier) => !note && finding.tier <= tier,
            Self::Severity(tenths) => finding.threshold() >= tenths,
        }
    }

    /// Whether an ordinary secret makes the scan fail. Ordinary secrets have no tier and sign nothing.
    pub(crate) fn fails_secret(self, finding: &SecretFinding) -> bool {
        match self {
            Self::None | Self::Signing | Self::Tier(_) => false,
            Self::Any => finding.severity >= NOTE_BELOW,
            Self::Severity(tenths) => finding.severity >= tenths,
        }
    }
}

/// Parses a severity, such as `7` or `7.5`, in tenths.
pub(crate) fn severity(text: &str) -> Result<i32, String> {
    let tenths = units::decimal(text)
        .filter(|(_, thousandths)| thousandths % 100 == 0)
        .and_then(|(whole, thousandths)| i32::try_from(whole.checked_mul(10)? + thousandths / 100).ok())
        .filter(|tenths| *tenths <= 100);
    tenths.ok_or_else(|| "expected a severity from 0.0 to 10.0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn values_of_fail_on_are_parsed() {
        for (text, meant) in [
            ("none", Some(FailOn::None)),
            ("any", Some(FailOn::Any)),
            ("Signing", Some(FailOn::Signing)),
            ("T2", Some(FailOn::Tier(Tier::T2))),
            ("7", Some(FailOn::Severity(70))),
            ("7.5", Some(FailOn::Severity(75))),
            ("10.0", Some(FailOn::Severity(100))),
            ("10.1", None),
            ("7.55", None),
            ("high", None),
            ("T5", None),
            ("", None),
        ] {
            assert_eq!(FailOn::parse(text).ok(), meant, "{text}");
            assert!(meant.is_none_or(|choice| FailOn::parse(&choice.text()) == Ok(choice)), "{text}");
        }
    }

    #[test]
    fn ordinary_secrets_fail_by_number_and_by_default() {
        let mut finding = samples::secrets().remove(0);
        for (severity, fail_on, fails) in [
            (45, "any", true),
            (10, "any", false),
            (10, "0.5", true),
            (45, "4.5", true),
            (45, "4.6", false),
            (55, "signing", false),
            (55, "T4", false),
            (55, "none", false),
        ] {
            finding.severity = severity;
            let choice = FailOn::parse(fail_on).expect(fail_on);
            assert_eq!(choice.fails_secret(&finding), fails, "{severity} {fail_on}");
        }
    }

    #[test]
    fn keys_for_tests_fail_by_what_they_would_be_elsewhere() {
        let mut finding = samples::signing();
        finding.severity = 50;
        (finding.for_tests, finding.limited) = (Some("named for tests".to_owned()), 41);
        for (fail_on, always, never) in [
            ("any", true, true),
            ("signing", true, false),
            ("T1", true, false),
            ("9.1", true, false),
            ("9.2", false, false),
        ] {
            let choice = FailOn::parse(fail_on).expect(fail_on);
            let fails = |tests| choice.fails_with(&finding, tests);
            assert_eq!((fails(TestsFail::Always), fails(TestsFail::Never)), (always, never), "{fail_on}");
        }
    }

    #[test]
    fn notes_fail_only_by_number() {
        let mut finding = samples::signing();
        for (severity, tier, fail_on, fails) in [
            (91, Tier::T1, "any", true),
            (91, Tier::T1, "signing", true),
            (91, Tier::T1, "T0", false),
            (91, Tier::T1, "T1", true),
            (91, Tier::T1, "T2", true),
            (91, Tier::T1, "9.2", false),
            (91, Tier::T1, "none", false),
            (55, Tier::T4, "signing", false),
            (55, Tier::T4, "T4", true),
            (10, Tier::T1, "any", false),
            (10, Tier::T1, "signing", false),
            (10, Tier::T1, "T4", false),
            (10, Tier::T1, "0.5", true),
        ] {
            (finding.severity, finding.tier) = (severity, tier);
            let choice = FailOn::parse(fail_on).expect(fail_on);
            assert_eq!(choice.fails(&finding), fails, "{severity} {tier:?} {fail_on}");
        }
    }
}
