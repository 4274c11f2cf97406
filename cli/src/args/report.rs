//! What was typed after `report`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use super::OutArgs;
use crate::report::ReportFormat;
use crate::units;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyradius scan --format json -o report.json .
  keyradius report report.json                        as `scan` would have printed it
  keyradius report report.json --format sarif -o report.sarif
  keyradius scan --format json . | keyradius report - --show-skipped
  keyradius report diff yesterday.json report.json    what is new, worse, gone or not seen

A report is what `scan --format json` or `--format jsonl` wrote, in any version of its schema keyradius.report/1. What it \
says is the word of whoever wrote it; nothing of it can act on a terminal or a build server.

Exit codes:
  0  the report was converted, whatever it reports
  2  wrong usage, or not a report that can be read";

const DIFF_EXAMPLES: &str = "\
Findings and ordinary secrets are matched by id. One that is gone from a place that the new scan did not read (a gap, other \
targets, an incomplete scan) is `not seen`, never `gone`. Compare scans with the same options: a report does not say \
whether ordinary secrets or passwords were left out.

Examples:
  keyradius report diff main.json branch.json
  keyradius report diff yesterday.json today.json --format json -o diff.json

Exit codes:
  0  nothing new, and nothing worse
  1  a finding is new or worse: more severe, a wider tier, less protected, for more roles, in more places, or no longer
     allowed. What is allowed, and notes below severity 2.0, do not count
  2  wrong usage, or not two reports that can be read
  3  nothing new, but the new scan is incomplete";

/// Most bytes of a report.
pub(super) const MAX_REPORT: &str = "1GiB";

/// What was typed after `report`.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ReportArgs {
    /// What else to do with reports
    #[command(subcommand)]
    pub(crate) command: Option<ReportCommand>,
    /// The report, as `scan --format json` or `jsonl` writes it; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) file: Option<PathBuf>,
    /// What to convert it to
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Output")]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    /// Most bytes to read: a report that is converted is held in memory
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = MAX_REPORT, help_heading = "Limits")]
    pub(crate) max_report: u64,
}

/// The commands of `report`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Compare two reports: what is new, worse, gone or not seen
    #[command(after_long_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
}

/// What was typed after `report diff`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// The report of the earlier scan; `-` is standard input
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// The report of the later scan; `-` is standard input
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// How to print the difference
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: DiffFormat,
    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print the difference only: no summary, no notices
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Most bytes to read of each report
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = MAX_REPORT)]
    pub(crate) max_report: u64,
}

/// Formats of a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// Text for a person
    #[default]
    Human,
    /// One JSON document; `keyradius schema diff` describes it
    Json,
}
