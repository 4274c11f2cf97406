//! What `report` needs, checked.

use std::path::PathBuf;

use super::telling::output_and_look;
use super::{Look, Output, open_output};
use crate::args::is_stdin;
use crate::args::report::{DiffArgs, DiffFormat, ReportArgs};
use crate::exit::Failure;
use crate::report::ReportFormat;
use crate::surroundings::Surroundings;

/// A conversion.
#[derive(Debug)]
pub(crate) struct ReportPlan {
    /// The current directory.
    pub(crate) directory: PathBuf,
    /// The report as typed; `-` is standard input.
    pub(crate) file: PathBuf,
    /// Most bytes of it.
    pub(crate) max_report: u64,
    /// What it is converted to.
    pub(crate) format: ReportFormat,
    /// Where to.
    pub(crate) output: Output,
    /// How the human report looks.
    pub(crate) look: Look,
    /// Report only.
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

/// A comparison.
#[derive(Debug)]
pub(crate) struct DiffPlan {
    /// The current directory.
    pub(crate) directory: PathBuf,
    /// The earlier report as typed.
    pub(crate) old: PathBuf,
    /// The later report as typed.
    pub(crate) new: PathBuf,
    /// Most bytes of each.
    pub(crate) max_report: u64,
    /// How to print it.
    pub(crate) format: DiffFormat,
    /// Where to.
    pub(crate) output: Output,
    /// Without the summary.
    pub(crate) quiet: bool,
}

impl DiffPlan {
    /// The plan of a comparison.
    pub(crate) fn new(args: DiffArgs, around: &Surroundings) -> Result<Self, Failure> {
        if is_stdin(&args.old) && is_stdin(&args.new) {
            return Err(Failure::new("standard input is named twice").hint("it can be read once: name `-` once"));
        }
        let DiffArgs { old, new, format, output, quiet, max_report } = args;
        let output = open_output(output)?;
        Ok(Self { directory: around.directory.clone(), old, new, max_report, format, output, quiet })
    }
}
