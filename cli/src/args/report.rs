//! Arguments of `report`.

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

A report is the output of `scan --format json` or `--format jsonl`, in any version of the schema keyradius.report/1. \
Its content is not verified. Control sequences for terminals and build servers in it are escaped.

Exit codes:
  0  the report was converted, whatever it contains
  2  wrong usage, or the report could not be read";

const DIFF_EXAMPLES: &str = "\
Findings and ordinary secrets are matched by id. If the new scan did not read the place of an old finding (a gap, \
other targets, an incomplete scan), the finding is `not seen`, not `gone`. Compare scans with the same options: they are \
not compared.

Examples:
  keyradius report diff main.json branch.json
  keyradius report diff yesterday.json today.json --format json -o diff.json

Exit codes:
  0  nothing new, and nothing worse
  1  a finding is new or worse: more severe, a wider tier, less protected, for more roles, in more places, or no longer
     allowed. Allowed findings and notes below severity 2.0 do not count
  2  wrong usage, or a report could not be read
  3  nothing new, but the new scan is incomplete";

/// Default maximum size of a report.
pub(super) const MAX_REPORT: &str = "1GiB";

/// Arguments of `report`.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ReportArgs {
    /// The command, if it is not a conversion.
    #[command(subcommand)]
    pub(crate) command: Option<ReportCommand>,
    /// Report written by `scan --format json` or `jsonl`; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) file: Option<PathBuf>,
    /// Format to convert the report to
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Output")]
    pub(crate) format: ReportFormat,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    /// Maximum size of the report, which is held in memory
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

/// Arguments of `report diff`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// Report of the earlier scan; `-` is standard input
    #[arg(value_name = "OLD")]
    pub(crate) old: PathBuf,
    /// Report of the later scan; `-` is standard input
    #[arg(value_name = "NEW")]
    pub(crate) new: PathBuf,
    /// Format of the difference
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub(crate) format: DiffFormat,
    /// Where to write the difference [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print only the difference: no summary, no notes
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Maximum size of each report
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
