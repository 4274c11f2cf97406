//! `keyradius identify`: every name that the keys of a file go by.

use std::path::Path;

use keyradius_core::blob::printable_path;
use keyradius_detectors::facts::Facts;
use keyradius_detectors::{Judging, engine};

use super::hunt::read_within;
use super::tell;
use crate::args::hunt::{HuntFormat, IdentifyArgs};
use crate::args::is_stdin;
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::plan::Output;
use crate::report::hunt::{Identified, human};
use crate::report::json;
use crate::surroundings::Surroundings;

/// Prints the names, and returns the exit code.
pub(crate) fn run(args: &IdentifyArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    let bytes = read_within(&args.file, &around.directory, args.max_size)?;
    guard.enter(None)?;
    let shown = if is_stdin(&args.file) { "standard input".into() } else { printable_path(Path::new(&args.file)) };
    let harvest = engine().bytes(&shown, &bytes);
    let facts = Facts::of(harvest, &Judging::at(around.now.as_second()));
    let identified = Identified::of(&shown, facts);
    tell::deliver(Output::Stdout, &|out| match args.format {
        HuntFormat::Human => human::identify(&identified, out),
        HuntFormat::Json => json::pretty(&identified, out),
    })?;
    if identified.is_empty() {
        out::people(format_args!("note: no key with a public half in {shown}"));
        return Ok(Exit::Findings);
    }
    Ok(Exit::Nothing)
}
