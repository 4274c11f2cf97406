//! The checked settings of `report`.

use std::path::PathBuf;

use super::telling::output_and_look;
use super::{Output, open_output};
use crate::args::is_stdin;
use crate::args::report::{DiffArgs, DiffFormat, ReportArgs};
use crate::exit::Failure;
use crate::report::ReportFormat;
use crate::report::look::Look;
use crate::surroundings::Surroundings;

/// The checked settings of a conversion.
#[derive(Debug)]
pub(crate) struct ReportPlan {
    /// The current directory.
    pub(crate) directory: PathBuf,
    /// The report as typed; `-` is standard input.
    pub(crate) file: PathBuf,
    /// Maximum size of the report, in bytes.
    pub(crate) max_report: u64,
    /// The format that the report is converted to.
    pub(crate) format: ReportFormat,
    /// Where the result is written.
    pub(crate) output: Output,
    /// The appearance of the human report.
    pub(crate) look: Look,
    /// Whether summary and notes are omitted.
    pub(crate) quiet: bool,
}

impl ReportPlan {
    /// The plan of a conversion.
    pub(crate) fn new(args: ReportArgs, around: &Surroundings) -> Result<Self, Failure> {
        let quiet = args.out.quiet;
        let (output, look) = output_and_look(args.out, around)?;
        Ok(Self {
            directory: around.directory.clone(),
            file: args.file.unwrap_or_else(|| PathBuf::from("-")),
            max_report: args.max_report,
            format: args.format,
            output,
            look,
            quiet,
        })
    }
}

/// The checked settings of a comparison.
#[derive(Debug)]
pub(crate) struct DiffPlan {
    /// The current directory.
    pub(crate) directory: PathBuf,
    /// The earlier report as typed.
    pub(crate) old: PathBuf,
    /// The later report as typed.
    pub(crate) new: PathBuf,
    /// Maximum size of each report, in bytes.
    pub(crate) max_report: u64,
    /// The format of the difference.
    pub(crate) format: DiffFormat,
    /// Where the difference is written.
    pub(crate) output: Output,
    /// Whether summary and notes are omitted.
    pub(crate) quiet: bool,
}

impl DiffPlan {
    /// The plan of a comparison.
    pub(crate) fn new(args: DiffArgs, around: &Surroundings) -> Result<Self, Failure> {
        if is_stdin(&args.old) && is_stdin(&args.new) {
            return Err(Failure::new("standard input is named twice")
                .hint("name `-` once: standard input can be read only once"));
        }
        let DiffArgs { old, new, format, output, quiet, max_report } = args;
        let output = open_output(output)?;
        Ok(Self { directory: around.directory.clone(), old, new, max_report, format, output, quiet })
    }
}
