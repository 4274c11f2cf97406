//! `keyradius schema`: the shape of an output, for machines.

use crate::args::SchemaName;
use crate::exit::{Exit, Failure};
use crate::{out, report};

/// Prints a JSON Schema.
pub(crate) fn run(name: SchemaName) -> Result<Exit, Failure> {
    match name {
        SchemaName::Report => out::data(report::REPORT_SCHEMA.as_bytes())?,
        SchemaName::Diff => out::data(report::DIFF_SCHEMA.as_bytes())?,
        SchemaName::Facts => out::data(report::FACTS_SCHEMA.as_bytes())?,
    }
    Ok(Exit::Nothing)
}
