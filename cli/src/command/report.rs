//! `keyradius report`: convert a scan report, or compare two.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use keyradius_core::blob::printable_path;

use super::tell::deliver;
use crate::args::is_stdin;
use crate::args::report::{DiffFormat, ReportArgs, ReportCommand};
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::plan::{DiffPlan, Output, ReportPlan};
use crate::report::diff::{self, Diff};
use crate::report::read::{self, ReadError};
use crate::report::words::escape;
use crate::report::{self, json};
use crate::surroundings::Surroundings;

/// Converts a report, or compares two.
pub(crate) fn run(args: ReportArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    match args.command {
        Some(ReportCommand::Diff(args)) => compare(DiffPlan::new(args, around)?, guard),
        None => convert(ReportPlan::new(args, around)?, guard),
    }
}

fn convert(plan: ReportPlan, guard: Guard) -> Result<Exit, Failure> {
    confine(&plan.output, guard)?;
    let ReportPlan { directory, file, max_report, format, output, look, quiet } = plan;
    let (report, mended) = open(&file, &directory, |from| read::report(from, max_report))?;
    if !quiet {
        let shown = printable_path(&file);
        for what in &mended {
            out::people(format_args!("note: {shown}: {what}"));
        }
        let counted = report.public.iter().any(|group| group.count > 0 && group.places.is_empty());
        if look.public && format.is_human() && counted {
            out::people(format_args!("note: {shown} does not list public keys: its scan ran without --show-public"));
        }
    }
    deliver(output, &|out| report::render(&report, format, look, out))?;
    // The summary belongs to the text for a person. Output for machines is usually one step of a longer pipeline.
    if !quiet && format.is_human() {
        for notice in &report.notices {
            out::people(format_args!("note: {}: {}", escape(&notice.place), escape(&notice.message)));
        }
        out::people(report::summary(&report, Duration::from_millis(report.scan.duration_ms)));
    }
    Ok(Exit::Nothing)
}

fn compare(plan: DiffPlan, guard: Guard) -> Result<Exit, Failure> {
    confine(&plan.output, guard)?;
    let DiffPlan { directory, old, new, max_report, format, output, quiet } = plan;
    let mut sides = Vec::new();
    for path in [&old, &new] {
        let side = open(path, &directory, |from| diff::Side::read(from, max_report))?;
        if !quiet {
            let shown = printable_path(path);
            for what in side.mended() {
                out::people(format_args!("note: {shown}: {what}"));
            }
        }
        sides.push(side);
    }
    let (Some(new), Some(old)) = (sides.pop(), sides.pop()) else { return Ok(Exit::Failure) };
    let diff = Diff::of(old, new);
    deliver(output, &|out| match format {
        DiffFormat::Human => diff::human::render(&diff, out),
        DiffFormat::Json => json::pretty(&diff, out),
    })?;
    if !quiet {
        out::people(diff::human::summary(&diff));
    }
    Ok(if diff.is_worse() {
        Exit::Findings
    } else if diff.new_is_complete() {
        Exit::Nothing
    } else {
        Exit::Incomplete
    })
}

fn confine(output: &Output, guard: Guard) -> Result<(), Failure> {
    let place = match output {
        Output::Target(target) => target.place(),
        Output::Stdout => None,
    };
    guard.enter(place).map(drop)
}

/// Opens a report and passes it to `read`. A path of `-` is standard input.
pub(super) fn open<T>(
    path: &Path,
    here: &Path,
    read: impl FnOnce(&mut dyn Read) -> Result<T, ReadError>,
) -> Result<T, Failure> {
    let shown = printable_path(path);
    let done = if is_stdin(path) {
        read(&mut std::io::stdin().lock())
    } else {
        File::open(here.join(path)).map_err(ReadError::Io).and_then(|mut file| read(&mut file))
    };
    done.map_err(|error| error.failure(&shown))
}
