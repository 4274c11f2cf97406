//! What was typed after `explain`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::report::MAX_REPORT;
use crate::units;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyradius explain                     everything that can be explained
  keyradius explain code_signing        who trusts such a key, and the playbook
  keyradius explain TRUSTS-PUBLIC-KEY   what a rule means, and why it matters
  keyradius scan --format json -o report.json .
  keyradius explain kr1:0123456789abcdef --report report.json";

/// What was typed after `explain`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A role (`code_signing`), a rule (`HSM-REQUIRED`), a detector (`pkcs8`), any of them as a finding writes it, or the id of a
    /// finding (`kr1:...`) [default: a list of all]
    #[arg(value_name = "TOPIC")]
    pub(crate) topic: Vec<String>,
    /// The report that holds the finding, as `scan --format json` or `jsonl` writes it; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "topic")]
    pub(crate) report: Option<PathBuf>,
    /// Most bytes of the report to read
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = MAX_REPORT, hide_short_help = true)]
    pub(crate) max_report: u64,
    /// How to print it
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: ExplainFormat,
}

/// How an explanation is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Text for a person
    #[default]
    Human,
    /// One JSON document, `keyradius.explain/1`
    Json,
}
