//! Arguments of `explain`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::report::MAX_REPORT;
use crate::units;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyradius explain                     list all topics
  keyradius explain code_signing        who trusts such a key, and the playbook
  keyradius explain TRUSTS-PUBLIC-KEY   what a rule means, and why it matters
  keyradius scan --format json -o report.json .
  keyradius explain kr1:0123456789abcdef --report report.json";

/// Arguments of `explain`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// Role (`code_signing`), rule (`HSM-REQUIRED`) or detector (`pkcs8`), in the spelling of a report, or a finding: its
    /// id (`kr1:...`), or the SPKI digest or a fingerprint of its key [default: list all topics]
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Vec<String>,
    /// Report that contains the finding, written by `scan --format json` or `jsonl`; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "topic")]
    pub(crate) report: Option<PathBuf>,
    /// Show every place, link and reason of a finding, not only twenty of each
    #[arg(long, requires = "report")]
    pub(crate) all: bool,
    /// Maximum size of the report
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = MAX_REPORT, hide_short_help = true)]
    pub(crate) max_report: u64,
    /// Format of the explanation
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ExplainFormat,
}

/// Formats of an explanation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Text for a person
    #[default]
    Human,
    /// One JSON document, `keyradius.explain/1`
    Json,
}
